// SPDX-License-Identifier: GPL-2.0-only
/* "go N": inserts N rows into a database in memory and sums them up again, and
 * counts its own calls of sqlite3_step. */
#include <sqlite3.h>
#include "target.h"

static sqlite3 *db;
static unsigned long steps;

static sqlite3_stmt *prepare(const char *sql)
{
	sqlite3_stmt *s;

	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK)
		abort();
	return s;
}

static int step(sqlite3_stmt *s)
{
	steps++;
	return sqlite3_step(s);
}

static long long go(unsigned long n)
{
	sqlite3_stmt *s = prepare("create table if not exists t (x integer)");
	long long sum = 0;

	step(s);
	sqlite3_finalize(s);
	s = prepare("insert into t values (?)");
	for (unsigned long i = 0; i < n; i++) {
		sqlite3_bind_int64(s, 1, (sqlite3_int64)i);
		if (step(s) != SQLITE_DONE)
			abort();
		sqlite3_reset(s);
	}
	sqlite3_finalize(s);
	s = prepare("select x from t");
	while (step(s) == SQLITE_ROW)
		sum += sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return sum;
}

int main(int argc, char **argv)
{
	if (sqlite3_open(":memory:", &db) != SQLITE_OK)
		abort();
	target_init(argc, argv);
	while (target_command())
	{
		long long sum = go(target_number(0));

		target_truth("\"steps\":%lu,\"sum\":%lld", steps, sum);
	}
	sqlite3_close(db);
	return 0;
}

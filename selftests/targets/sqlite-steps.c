// SPDX-License-Identifier: GPL-2.0-only
/*
 * "go N": steps through the N rows of a query and sums them up, then through N
 * queries of a row each, and counts its own calls of sqlite3_step. No tables are
 * made: sqlite calls sqlite3_step itself when the schema changes.
 */
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
	sqlite3_stmt *s = prepare("with recursive c(x) as (select 0 union all select x + 1 from c "
				  "where x + 1 < ?) select x from c");
	long long sum = 0;

	sqlite3_bind_int64(s, 1, (sqlite3_int64)n);
	while (step(s) == SQLITE_ROW)
		sum += sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	s = prepare("select ? * 2");
	for (unsigned long i = 0; i < n; i++) {
		sqlite3_bind_int64(s, 1, (sqlite3_int64)i);
		if (step(s) != SQLITE_ROW)
			abort();
		sum += sqlite3_column_int64(s, 0);
		sqlite3_reset(s);
	}
	sqlite3_finalize(s);
	return sum;
}

int main(int argc, char **argv)
{
	if (sqlite3_open(":memory:", &db) != SQLITE_OK)
		abort();
	target_init(argc, argv);
	while (target_command()) {
		long long sum = go(target_number(0));

		target_truth("\"steps\":%lu,\"sum\":%lld", steps, sum);
	}
	sqlite3_close(db);
	return 0;
}

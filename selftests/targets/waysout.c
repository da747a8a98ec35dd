// SPDX-License-Identifier: GPL-2.0-only
/* Functions that end in every way a compiler knows: for test_exits.py, at any -O. */
#include <alloca.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOINLINE __attribute__((noinline))

static volatile int sink;

NOINLINE int leaf(int x)
{
	sink++;
	if (x > 3)
		return x * 2;
	if (x < -2)
		return 7;

	return x;
}

NOINLINE int tail(int x)
{
	return x & 1 ? leaf(x + 1) : leaf(x - 1);
}

NOINLINE int switched(int x)
{
	switch (x) {
	case 0:
		return leaf(1);
	case 1:
		return 5;
	case 2:
		puts("two");
		return 9;
	case 3:
		return tail(3);
	case 4:
		return x * sink;
	case 5:
		return leaf(9) + 1;
	case 6:
		return rand();
	}

	return -1;
}

NOINLINE int guarded(const char *s)
{
	char copy[64];

	strncpy(copy, s, sizeof(copy) - 1);
	copy[sizeof(copy) - 1] = 0;

	return (int)strlen(copy) + leaf(copy[0]);
}

NOINLINE int on_stack(int n)
{
	char *p = alloca(n * 16 + 1);

	memset(p, 1, n * 16 + 1);

	return p[n] + leaf(n);
}

NOINLINE int looping(int n)
{
	int sum = 0;

	for (int i = 0; i < n; i++) {
		if (i == 77)
			return sum;
		sum += leaf(i);
		if (sum < 0)
			break;
	}

	return sum;
}

NOINLINE int recursive(int n)
{
	return n ? recursive(n - 1) + leaf(n) : 0;
}

NOINLINE int calls_itself_last(int n, int a)
{
	return n ? calls_itself_last(n - 1, a ^ leaf(n)) : a;
}

static int (*const by_number[])(int) = {leaf, tail, switched};

NOINLINE int indirect(int i, int x)
{
	return by_number[i % 3](x);
}

NOINLINE void conditional(int *p)
{
	if (p)
		*p = leaf(*p);
}

int main(void)
{
	int sum = 0;

	for (int i = -5; i < 12; i++) {
		sum += switched(i) + tail(i) + looping(i * 10) + indirect(i + 6, i);
		sum += on_stack(i & 7) + guarded("hello") + recursive(i & 7);
		sum += calls_itself_last(i & 7, 3);
		conditional(i & 1 ? &sum : NULL);
	}
	printf("%d\n", sum);

	return 0;
}

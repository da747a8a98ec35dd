/* SPDX-License-Identifier: GPL-2.0-only */
/* For a compiler to chew on: it is compiled, never run. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct node {
	struct node *left, *right;
	int key;
	double weight;
};

static int compare(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

static struct node *insert(struct node *n, int key)
{
	if (!n) {
		n = calloc(1, sizeof(*n));
		if (n)
			n->key = key;
		return n;
	}
	if (key < n->key)
		n->left = insert(n->left, key);
	else
		n->right = insert(n->right, key);
	n->weight += key * 0.5;
	return n;
}

double sum(const double *v, int n)
{
	double total = 0;

	for (int i = 0; i < n; i++)
		total += v[i] * (i & 1 ? -1 : 1);
	return total;
}

int classify(int c)
{
	switch (c) {
	case 'a': return 1;
	case 'b': return 22;
	case 'c': return 3;
	case 'd': return 47;
	case 'x': return 5;
	case 'y': return 61;
	case 'z': return 7;
	default: return c < 0 ? -1 : 0;
	}
}

int main(int argc, char **argv)
{
	int values[64], unused, n = argc > 64 ? 64 : argc;
	struct node *tree = NULL;
	char text[128];

	for (int i = 0; i < n; i++) {
		values[i] = atoi(argv[i]) % 1000;
		tree = insert(tree, values[i]);
	}
	qsort(values, n, sizeof(values[0]), compare);
	snprintf(text, sizeof(text), "%d %d", values[0], classify(argv[0][0]));
	puts(text);
	return tree && strlen(text) > 3;
}

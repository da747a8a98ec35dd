/* SPDX-License-Identifier: GPL-2.0-only */
/* Separate debug files and .gnu_debugdata. */
#include <errno.h>
#include <lzma.h>
#include <string.h>
#include <zlib.h>

#include "daemon/reader/debugfile.h"

#define DEBUG_ROOT	"/usr/lib/debug"
#define EMBEDDED_MAX	(64u << 20) /* unpacked; Fedora's largest are under 10 MiB */
#define LZMA_MEMORY_MAX (128u << 20)

/* What is looked for: a debug file of this object. */
struct lookup {
	const struct object *object;
	uid_t user;    /* owner of the object's own file */
	char *refused; /* the first file that others could have written */
};

/* Trust comes first: the bytes of a file that anyone may have written are not looked at. */
static int parse_path(struct lookup *l, const char *path, struct object **ret)
{
	struct image image;
	const char *error;
	int r;

	r = image_open_trusted(path, l->user, &image);
	if (r == -EPERM && !l->refused) {
		l->refused = strdup(path);
		return l->refused ? r : -ENOMEM;
	}
	if (r < 0)
		return r;

	return object_parse(image, ret, &error);
}

static int by_build_id(struct lookup *l, struct object **ret, char **ret_path)
{
	_cleanup_(object_freep) struct object *debug = NULL;
	_cleanup_free_ char *path = NULL;
	const struct object *o = l->object;
	int r;

	if (strlen(o->build_id) < 6)
		return -ENOENT;
	if (asprintf(&path, DEBUG_ROOT "/.build-id/%.2s/%s.debug", o->build_id, o->build_id + 2) <
	    0)
		return -ENOMEM;
	r = parse_path(l, path, &debug);
	if (r < 0)
		return r;
	if (strcmp(debug->build_id, o->build_id))
		return -ENOENT;
	*ret = TAKE(debug);
	*ret_path = TAKE(path);

	return 0;
}

struct debuglink {
	struct text name;
	uint32_t crc;
};

static int read_debuglink(const struct object *o, struct debuglink *ret)
{
	const struct section *s = object_section(o, ".gnu_debuglink");
	const char *bytes = s ? object_bytes(o, s) : NULL;
	size_t size, crc_at;

	if (!bytes)
		return -ENOENT;
	size = strnlen(bytes, s->size);
	crc_at = (size + 4) & ~(size_t)3;
	if (!size || size > 255 || memchr(bytes, '/', size) || crc_at + 4 > s->size)
		return -ENOENT;
	ret->name = (struct text){bytes, size};
	memcpy(&ret->crc, bytes + crc_at, 4);

	return 0;
}

static uint32_t image_crc(const struct image *image)
{
	uLong crc = crc32(0, NULL, 0);

	for (size_t at = 0; at < image->size;) {
		size_t n = image->size - at < (1u << 30) ? image->size - at : 1u << 30;

		crc = crc32(crc, image->data + at, (uInt)n);
		at += n;
	}

	return (uint32_t)crc;
}

static int try_link(struct lookup *l, const struct debuglink *link, const char *path,
		    struct object **ret)
{
	_cleanup_(object_freep) struct object *debug = NULL;
	const struct object *o = l->object;
	int r = parse_path(l, path, &debug);

	if (r < 0)
		return r;
	/* A build-id decides at once; the checksum means reading all of the file. */
	if (o->build_id[0] && debug->build_id[0] ? strcmp(o->build_id, debug->build_id)
						 : image_crc(&debug->image) != link->crc)
		return -ENOENT;
	*ret = TAKE(debug);

	return 0;
}

static int by_debuglink(struct lookup *l, struct text path, struct object **ret, char **ret_path)
{
	static const char *const places[] = {"%.*s/%.*s", "%.*s/.debug/%.*s",
					     DEBUG_ROOT "%.*s/%.*s"};
	const char *slash = path.size ? memrchr(path.p, '/', path.size) : NULL;
	struct debuglink link;
	int r;

	r = slash ? read_debuglink(l->object, &link) : -ENOENT;
	if (r < 0)
		return r;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		_cleanup_free_ char *candidate = NULL;

		if (asprintf(&candidate, places[i], (int)(slash - path.p), path.p,
			     (int)link.name.size, link.name.p) < 0)
			return -ENOMEM;
		r = try_link(l, &link, candidate, ret);
		if (r == 0)
			*ret_path = TAKE(candidate);
		if (r == 0 || r == -ENOMEM)
			return r;
	}

	return -ENOENT;
}

int debugfile_open(const struct object *o, struct text path, uid_t user, struct object **ret,
		   char **ret_path, char **ret_refused)
{
	struct lookup l = {.object = o, .user = user};
	int r = by_build_id(&l, ret, ret_path);

	if (r < 0 && r != -ENOMEM)
		r = by_debuglink(&l, path, ret, ret_path);
	*ret_refused = l.refused;

	return r;
}

static int unpack(const uint8_t *packed, size_t size, struct image *ret)
{
	uint64_t memory = LZMA_MEMORY_MAX;
	size_t room = 1u << 20;

	for (;; room *= 4) {
		_cleanup_free_ uint8_t *bytes = NULL;
		size_t in = 0, out = 0;
		lzma_ret r;

		if (room > EMBEDDED_MAX)
			return -EFBIG;
		bytes = malloc(room);
		if (!bytes)
			return -ENOMEM;
		r = lzma_stream_buffer_decode(&memory, 0, NULL, packed, &in, size, bytes, &out,
					      room);
		if (r == LZMA_BUF_ERROR)
			continue;
		if (r != LZMA_OK || !out)
			return -EBADMSG;
		*ret = (struct image){TAKE(bytes), out, IMAGE_HEAP};
		return 0;
	}
}

int debugfile_embedded(const struct object *o, struct object **ret)
{
	const struct section *s = object_section(o, ".gnu_debugdata");
	const uint8_t *packed = s ? object_bytes(o, s) : NULL;
	struct image image;
	const char *error;
	int r;

	if (!packed)
		return -ENOENT;
	r = unpack(packed, s->size, &image);
	if (r < 0)
		return r;

	return object_parse(image, ret, &error);
}

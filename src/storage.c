// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/storage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

struct finished {
	STAILQ_ENTRY(finished) entry;
	dev_t dev;
	ino_t ino;
	uint64_t size;
	char path[];
};

STAILQ_HEAD(finished_list, finished);

struct storage {
	struct finished_list files; /* oldest first */
	struct finished *dropped; /* the last one, for its name */
	uint64_t bytes;
};

struct storage *storage__new(void)
{
	struct storage *s = calloc(1, sizeof(*s));

	if (s)
		STAILQ_INIT(&s->files);
	return s;
}

void storage__free(struct storage *s)
{
	struct finished *f;

	if (!s)
		return;
	while ((f = STAILQ_FIRST(&s->files))) {
		STAILQ_REMOVE_HEAD(&s->files, entry);
		free(f);
	}
	free(s->dropped);
	free(s);
}

/* Still the file that we wrote? */
static bool is_there(const struct finished *f)
{
	struct stat st;

	return !lstat(f->path, &st) && st.st_dev == f->dev && st.st_ino == f->ino;
}

int storage__add(struct storage *s, const char *path)
{
	struct finished *f;
	struct stat st;

	if (lstat(path, &st) < 0)
		return 0; /* gone already: it takes no room */
	f = malloc(sizeof(*f) + strlen(path) + 1);
	if (!f)
		return -ENOMEM;
	strcpy(f->path, path);
	f->dev = st.st_dev;
	f->ino = st.st_ino;
	f->size = (uint64_t)st.st_size;
	s->bytes += f->size;
	STAILQ_INSERT_TAIL(&s->files, f, entry);
	return 0;
}

uint64_t storage__bytes(const struct storage *s)
{
	return s->bytes;
}

void storage__look(struct storage *s)
{
	struct finished_list there = STAILQ_HEAD_INITIALIZER(there);
	struct finished *f;

	while ((f = STAILQ_FIRST(&s->files))) {
		STAILQ_REMOVE_HEAD(&s->files, entry);
		if (is_there(f)) {
			STAILQ_INSERT_TAIL(&there, f, entry);
		} else {
			s->bytes -= f->size;
			free(f);
		}
	}
	STAILQ_CONCAT(&s->files, &there);
}

int storage__drop_oldest(struct storage *s, const char **path)
{
	struct finished *f;

	while ((f = STAILQ_FIRST(&s->files))) {
		bool there = is_there(f);

		if (there && unlink(f->path) < 0 && errno != ENOENT)
			return -errno;
		STAILQ_REMOVE_HEAD(&s->files, entry);
		s->bytes -= f->size;
		free(s->dropped);
		s->dropped = f;
		*path = f->path;
		if (there)
			return 0;
	}
	return -ENOENT;
}

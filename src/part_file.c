// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/part_file.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/file_name.h"

#define MODE 0644
/* Names that may be taken; more come about only by a clock that stands still. */
#define NUMBERS 1000000
/* Another run may look for an instant whether our new file is locked. */
#define LOCK_TRIES 50
#define LOCK_PAUSE_US 2000

static int lock(int fd)
{
	int i;

	for (i = 0; i < LOCK_TRIES; i++) {
		if (!flock(fd, LOCK_EX | LOCK_NB))
			return 0;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return 0; /* a file system without locks */
		usleep(LOCK_PAUSE_US);
	}
	return -EBUSY;
}

/*
 * Does a living run write to it? One that has just been made may be about to be
 * locked: look again if it is empty.
 */
static bool in_use(const char *part)
{
	struct stat st;
	int fd = open(part, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	bool used = false;

	if (fd < 0)
		return false;
	if (!fstat(fd, &st) && !st.st_size)
		usleep(LOCK_PAUSE_US * LOCK_TRIES / 2);
	if (flock(fd, LOCK_SH | LOCK_NB) < 0)
		used = errno == EWOULDBLOCK;
	close(fd);
	return used;
}

static int open_part(struct part_file *f, bool starts)
{
	struct stat st;
	int err;

	if (!lstat(f->name, &st))
		return S_ISREG(st.st_mode) ? -EEXIST : -ENOTSUP;
	f->fd = open(f->part, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOCTTY, MODE);
	if (f->fd < 0) {
		err = -errno;
		return err == -EEXIST && starts && in_use(f->part) ? -EBUSY : err;
	}
	err = lock(f->fd);
	if (!err && fstat(f->fd, &st) < 0)
		err = -errno;
	if (err) {
		part_file__discard(f);
		return err;
	}
	f->dev = st.st_dev;
	f->ino = st.st_ino;
	return 0;
}

static int set_names(struct part_file *f, unsigned int n)
{
	int err;

	f->number = n;
	err = file_name__number(f->name, sizeof(f->name) - sizeof(FILE_NAME_PART), f->wanted, n);

	if (!err)
		snprintf(f->part, sizeof(f->part), "%.*s" FILE_NAME_PART,
			 (int)(sizeof(f->part) - sizeof(FILE_NAME_PART)), f->name);
	return err;
}

int part_file__create(struct part_file *f, const char *name, bool starts)
{
	unsigned int n = *f->wanted && !strcmp(f->wanted, name) ? f->number + 1 : 0;
	int err = -EEXIST;

	f->fd = -1;
	if (strlen(name) >= sizeof(f->wanted))
		return -ENAMETOOLONG;
	strcpy(f->wanted, name);
	for (; n < NUMBERS && err == -EEXIST; n++) {
		err = set_names(f, n);
		if (!err)
			err = open_part(f, starts);
	}
	return err;
}

int part_file__write(struct part_file *f, const char *data, size_t len, size_t *written)
{
	size_t sent = 0;

	while (sent < len) {
		ssize_t n = write(f->fd, data + sent, len - sent);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		sent += (size_t)n;
		*written += (size_t)n;
	}
	return 0;
}

int part_file__cut(struct part_file *f, off_t len)
{
	return ftruncate(f->fd, len) < 0 ? -errno : 0;
}

void part_file__sync_soon(struct part_file *f)
{
	sync_file_range(f->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}

int part_file__check(const struct part_file *f)
{
	struct stat st;

	if (stat(f->part, &st) < 0 || st.st_dev != f->dev || st.st_ino != f->ino)
		return -ESTALE;
	return 0;
}

void part_file__leave(struct part_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}

void part_file__discard(struct part_file *f)
{
	if (f->fd >= 0 && !part_file__check(f))
		unlink(f->part);
	part_file__leave(f);
}

/* Some file systems know no renameat2() flags (NFS); some of these no links either. */
static int rename_new(const char *from, const char *to)
{
	struct stat st;

	if (!renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE))
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	if (!link(from, to))
		return unlink(from) < 0 ? -errno : 0;
	if (errno != EPERM && errno != EOPNOTSUPP)
		return -errno;
	if (!lstat(to, &st))
		return -EEXIST;
	return rename(from, to) < 0 ? -errno : 0;
}

/* The name itself must survive a crash too. */
static void sync_directory(const char *path)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int fd;

	snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	fsync(fd);
	close(fd);
}

int part_file__publish(struct part_file *f)
{
	char part[PATH_MAX];
	unsigned int n;
	int err = 0;

	if (fsync(f->fd) < 0 && errno != EINVAL && errno != EROFS)
		err = -errno;
	if (!err)
		err = part_file__check(f);
	strcpy(part, f->part);
	if (!err)
		err = rename_new(part, f->name);
	for (n = f->number + 1; n < NUMBERS && err == -EEXIST; n++) {
		err = set_names(f, n);
		if (!err)
			err = rename_new(part, f->name);
	}
	strcpy(f->part, part);
	if (!err)
		sync_directory(f->name);
	part_file__leave(f);
	return err;
}

size_t part_file__leftovers(const char *pattern, char *last, size_t size)
{
	char wild[PATH_MAX];
	size_t found = 0, i;
	glob_t g;

	if (file_name__glob_parts(wild, sizeof(wild), pattern) || glob(wild, 0, NULL, &g))
		return 0;
	for (i = 0; i < g.gl_pathc; i++) {
		if (in_use(g.gl_pathv[i]))
			continue;
		snprintf(last, size, "%s", g.gl_pathv[i]);
		found++;
	}
	globfree(&g);
	return found;
}

// SPDX-License-Identifier: GPL-2.0-or-later
#include "output_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

/* O_NONBLOCK means nothing to regular files; opening a FIFO or a modem would wait. */
#define OPEN_FLAGS (O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)

static int examine(struct output_file *file)
{
	struct stat st;

	if (fstat(file->fd, &st) < 0)
		return -errno;
	file->type = st.st_mode & S_IFMT;
	return 0;
}

/* 0 if there is nothing. */
static mode_t type_of(const char *path)
{
	struct stat st;

	return stat(path, &st) ? 0 : st.st_mode & S_IFMT;
}

static bool is_stream(const char *path)
{
	mode_t type = type_of(path);

	return type && !S_ISREG(type);
}

int output_file__open(struct output_file *file, const char *path, bool exclusive)
{
	int err;

	*file = (struct output_file){ .nonblocking = true };
	file->fd = open(path, OPEN_FLAGS | O_CREAT | (exclusive ? O_EXCL : 0), 0644);
	/* O_EXCL refuses FIFOs and devices too, but those can't hold an older array */
	if (file->fd < 0 && errno == EEXIST && is_stream(path))
		file->fd = open(path, OPEN_FLAGS);
	if (file->fd < 0) {
		err = -errno;
		file->type = type_of(path);
		return err;
	}
	err = examine(file);
	if (err)
		close(file->fd);
	return err;
}

bool output_file__is_named_fifo(const struct output_file *file, const char *path)
{
	struct statfs fs;

	return S_ISFIFO(file->type) && !statfs(path, &fs) && fs.f_type != PIPEFS_MAGIC;
}

int output_file__claim(const struct output_file *file)
{
	if (!flock(file->fd, LOCK_EX | LOCK_NB))
		return 0;
	return errno == EWOULDBLOCK ? -EBUSY : -errno;
}

int output_file__open_fifo(struct output_file *file, const char *path)
{
	int err;

	file->fd = open(path, OPEN_FLAGS);
	if (file->fd < 0)
		return errno == ENOENT ? -ENXIO : -errno;
	err = examine(file);
	if (!err)
		err = output_file__is_fifo(file) ? output_file__claim(file) : -EPROTOTYPE;
	if (err)
		output_file__close(file);
	return err;
}

bool output_file__is_deserted(const struct output_file *file)
{
	struct pollfd p = { .fd = file->fd };

	return poll(&p, 1, 0) == 1 && p.revents & POLLERR;
}

size_t output_file__unread(const struct output_file *file)
{
	int bytes;

	return ioctl(file->fd, FIONREAD, &bytes) < 0 || bytes < 0 ? 0 : (size_t)bytes;
}

size_t output_file__capacity(const struct output_file *file)
{
	int bytes = fcntl(file->fd, F_GETPIPE_SZ);

	return bytes < 0 ? 0 : (size_t)bytes;
}

/*
 * A description of our own can be O_NONBLOCK. poll() does not serve as well: it
 * calls a terminal writable that has room for one byte, and other writers of a
 * pipe may fill it after we looked. Not every pipe or terminal is ours to open
 * (su): then the inherited description must do.
 */
static void reopen_stdout(struct output_file *file)
{
	int fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return;
	close(file->fd);
	file->fd = fd;
	file->nonblocking = true;
}

int output_file__open_stdout(struct output_file *file)
{
	int err;

	*file = (struct output_file){ 0 };
	/* a stdout that was closed, and is /dev/null for reading since main() began, takes nothing */
	if ((fcntl(STDOUT_FILENO, F_GETFL) & O_ACCMODE) == O_RDONLY)
		return -EBADF;
	file->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (file->fd < 0)
		return -errno;
	err = examine(file);
	if (err) {
		close(file->fd);
		return err;
	}
	if (S_ISFIFO(file->type) || isatty(file->fd))
		reopen_stdout(file);
	return 0;
}

/* Follow where our bytes are, for output_file__cut(). */
static void note_written(struct output_file *file, size_t len)
{
	off_t end = lseek(file->fd, 0, SEEK_CUR);

	file->run = end - (off_t)len == file->end ? file->run + (off_t)len : (off_t)len;
	file->end = end;
}

static int write_regular(struct output_file *file, const char *data, size_t len, size_t *written)
{
	size_t sent = 0;

	while (sent < len) {
		ssize_t n = write(file->fd, data + sent, len - sent);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		note_written(file, (size_t)n);
		sent += (size_t)n;
		*written += (size_t)n;
	}
	return 0;
}

/* Whole lines of at most PIPE_BUF bytes, if there is one. */
static size_t chunk_of(const char *data, size_t len)
{
	const char *newline;

	if (len <= PIPE_BUF)
		return len;
	newline = memrchr(data, '\n', PIPE_BUF);
	return newline ? (size_t)(newline - data) + 1 : PIPE_BUF;
}

/* Like write(), but EAGAIN instead of waiting. */
static ssize_t write_chunk(struct output_file *file, const char *data, size_t len)
{
	struct pollfd p = { .fd = file->fd, .events = POLLOUT };
	int ready = 1;

	if (S_ISSOCK(file->type))
		return send(file->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	/* POLLERR and the like: write() fails at once and its errno tells more */
	if (!file->nonblocking)
		ready = poll(&p, 1, 0);
	if (ready > 0)
		return write(file->fd, data, len);
	if (!ready)
		errno = EAGAIN;
	return -1;
}

static int write_stream(struct output_file *file, const char *data, size_t len, size_t *written)
{
	size_t sent = 0;

	while (sent < len) {
		ssize_t n = write_chunk(file, data + sent, chunk_of(data + sent, len - sent));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 1 : -errno;
		sent += (size_t)n;
		*written += (size_t)n;
	}
	return 0;
}

int output_file__write(struct output_file *file, const char *data, size_t len, size_t *written)
{
	if (output_file__is_regular(file))
		return write_regular(file, data, len, written);
	return write_stream(file, data, len, written);
}

int output_file__cut(struct output_file *file, size_t len)
{
	struct stat st;

	if (!len)
		return 0;
	if ((off_t)len > file->run)
		return -EBUSY;
	if (fstat(file->fd, &st) < 0)
		return -errno;
	if (st.st_size != file->end)
		return -EBUSY;
	if (ftruncate(file->fd, file->end - (off_t)len) < 0)
		return -errno;
	file->run -= (off_t)len;
	file->end = lseek(file->fd, file->end - (off_t)len, SEEK_SET);
	return 0;
}

int output_file__wait(const struct output_file *file, int timeout_ms)
{
	struct pollfd p = { .fd = file->fd, .events = POLLOUT };
	int n = poll(&p, 1, timeout_ms);

	if (n < 0)
		return -errno;
	return n ? 0 : -ETIMEDOUT;
}

int output_file__close(struct output_file *file)
{
	int err = 0;

	/* after EINTR the descriptor is gone all the same */
	if (file->fd >= 0 && close(file->fd) < 0 && errno != EINTR)
		err = -errno;
	file->fd = -1;
	return err;
}

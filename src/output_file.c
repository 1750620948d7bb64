// SPDX-License-Identifier: GPL-2.0-or-later
#include "output_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

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

static bool is_stream(const char *path)
{
	struct stat st;

	return !stat(path, &st) && !S_ISREG(st.st_mode);
}

int output_file__open(struct output_file *file, const char *path, bool exclusive)
{
	int err;

	*file = (struct output_file){ .nonblocking = true };
	file->fd = open(path, OPEN_FLAGS | O_CREAT | (exclusive ? O_EXCL : 0), 0644);
	/* O_EXCL refuses FIFOs and devices too, but those can't hold an older array */
	if (file->fd < 0 && errno == EEXIST && is_stream(path))
		file->fd = open(path, OPEN_FLAGS);
	if (file->fd < 0)
		return -errno;
	err = examine(file);
	if (err)
		close(file->fd);
	return err;
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
	/* after EINTR the descriptor is gone all the same */
	int err = close(file->fd) < 0 && errno != EINTR ? -errno : 0;

	file->fd = -1;
	return err;
}

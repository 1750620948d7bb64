/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An open file, pipe, terminal, socket or device and how to write to it without
 * blocking. Knows no records and prints nothing: output.c does.
 *
 * Regular files take everything at once or fail. O_NONBLOCK is never set on a
 * description that we inherited, others share it: an inherited pipe or terminal
 * is opened once more (/proc/self/fd); where that is refused, it is polled and
 * then given at most PIPE_BUF bytes. Sockets have MSG_DONTWAIT.
 */
#ifndef SRC_OUTPUT_FILE_H
#define SRC_OUTPUT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

struct output_file {
	int fd; /* our own, also for stdout; -1: a FIFO that nobody reads */
	mode_t type; /* S_IFREG, S_IFIFO, ... */
	bool nonblocking; /* a description of our own, with O_NONBLOCK */
	off_t end; /* of a regular file: position behind what we wrote last */
	off_t run; /* that many bytes before end are ours, without a gap */
};

/*
 * Open path for appending, creating it if absent; exclusive: create it, a
 * regular file that exists is refused (-EEXIST). A FIFO that nobody reads is
 * refused too (-ENXIO, type is set all the same), waiting for a reader could not
 * be interrupted.
 */
int output_file__open(struct output_file *file, const char *path, bool exclusive);
int output_file__open_stdout(struct output_file *file);

static inline bool output_file__is_regular(const struct output_file *file)
{
	return S_ISREG(file->type);
}

static inline bool output_file__is_fifo(const struct output_file *file)
{
	return S_ISFIFO(file->type);
}

/*
 * Is path a FIFO that others can open by a name? What the shell makes of >(command), and
 * a pipe that is /dev/stdout, are not.
 */
bool output_file__is_named_fifo(const struct output_file *file, const char *path);
/* Of a FIFO: we want to be its only writer; -EBUSY if another one of us is. */
int output_file__claim(const struct output_file *file);
/*
 * Open a FIFO once more and claim it. -ENXIO while nobody reads it or it is not
 * there, -EPROTOTYPE if something else has its name now.
 */
int output_file__open_fifo(struct output_file *file, const char *path);
/* Of a FIFO: nobody has it open for reading (now). */
bool output_file__is_deserted(const struct output_file *file);
/* Of a FIFO: bytes written and not yet read; and how many that can be. */
size_t output_file__unread(const struct output_file *file);
size_t output_file__capacity(const struct output_file *file);

/*
 * Write what goes out without blocking, and add its length to *written. 0 when
 * all of it did, 1 when some is left, or a negative errno. What is given to a
 * pipe ends with a line where PIPE_BUF allows, so that several writers' lines
 * do not mix.
 */
int output_file__write(struct output_file *file, const char *data, size_t len, size_t *written);

/*
 * Take the last len bytes that we wrote to a regular file out of it. -EBUSY
 * where another process wrote between or behind them: they stay.
 */
int output_file__cut(struct output_file *file, size_t len);

/* 0 when writable, -ETIMEDOUT after timeout_ms, or another negative errno. */
int output_file__wait(const struct output_file *file, int timeout_ms);

/* A negative errno when the file system says only now that data is lost (NFS). */
int output_file__close(struct output_file *file);

#endif /* SRC_OUTPUT_FILE_H */

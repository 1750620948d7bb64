/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where formatted records go: stdout or one file. Knows no formats beyond
 * struct format's begin, end and appendable. Never blocks on a pipe, a terminal
 * or a socket for longer than one write of PIPE_BUF bytes that poll() promised
 * to take; what can't go out at once stays pending, up to a limit, and the
 * caller stops draining events while output__full() (the kernel then counts
 * what is lost). The caller ignores SIGPIPE and SIGXFSZ.
 *
 * A FIFO that is given by its name and gets lines may lose its reader: that is as
 * slow a reader as can be. What was written and not read is kept for the next
 * one, who is greeted and goes on with a whole record; only what the pipe's reader took is gone.
 * That is exact for one writer, which is made sure of, and one reader at a time
 * which is not replaced before output__flush() is called again (output__reader_fd()
 * tells when to).
 */
#ifndef SRC_OUTPUT_H
#define SRC_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "format.h"
#include "text.h"

struct output;

/*
 * path NULL or "-": stdout. A path of an appendable format is opened for
 * appending and created if absent; otherwise it must not exist yet, unless as
 * a pipe or a device. 0 or a negative errno, which was printed: -ENXIO for a
 * FIFO that nobody reads and whose format is not appendable, -EBADF for a closed
 * stdout (open the output before anything else, so that no other descriptor gets
 * its number).
 */
int output__open(struct output **out, const char *path, const struct format *format);

/*
 * Called when a FIFO gets another reader than its first: appends to the text what it
 * must know to understand what comes, in whole records.
 */
typedef void (*output_greet_fn)(void *ctx, struct text *to);
void output__greet(struct output *out, output_greet_fn fn, void *ctx);

/* The text to format records into; output__flush() sends it. */
struct text *output__text(struct output *out);
/* True until the first record of this file was formatted: caller calls output__wrote_record() after each. */
bool output__first(const struct output *out);
/* event: one that was measured, not one about the run. */
void output__wrote_record(struct output *out, bool event);
/* Events that were written or are on their way; those that an error kept out are not. */
uint64_t output__events(const struct output *out);

/*
 * Write what can be written without blocking. 0 when all went out, 1 when some
 * is pending (see output__poll_fd), or a negative errno, printed once: the disk
 * is full, the reader went away. A regular file is cut back to its last whole
 * record (if what we wrote is at its end) and ended with format->end; records
 * already written stay whole. Nothing goes out after an error: the text is
 * dropped, and this returns the same error again, silently.
 */
int output__flush(struct output *out);

/*
 * fd to poll for POLLOUT while something is pending, -1 for none: regular files
 * never pend, and for a FIFO that nobody reads output__flush() has to be called
 * again after a while. It is not STDOUT_FILENO, and the same until output__close()
 * or until it was -1 after an output__flush() (it is closed then).
 */
int output__poll_fd(const struct output *out);
/*
 * Of a FIFO that has a reader: fd to poll for POLLERR, which says that the reader is
 * gone; then call output__flush() at once. -1 for none; good as output__poll_fd()'s is.
 */
int output__reader_fd(const struct output *out);
/* Enough is pending that no more events should be drained. */
bool output__full(const struct output *out);

/*
 * SIGHUP: end this file (format->end, flush), reopen path. stdout, pipes and
 * devices: nothing to do. A file that was renamed away by logrotate is created
 * anew. Where path can't be opened (an existing file of a format that isn't
 * appendable is refused) the old file stays open and in use, a message is
 * printed, and 0 is returned. A negative errno (printed) if writing failed.
 */
int output__reopen(struct output *out);

/*
 * Write format->end, flush waiting at most timeout_ms for a slow reader, close. As
 * long waits until the reader of a FIFO has read what is in it: it might die first.
 * 0 or a negative errno (printed, here or before); -ETIMEDOUT: what the reader
 * did not take is dropped, the message counts it.
 */
int output__close(struct output *out, int timeout_ms);

/* The same for a run that did not come about: a file made for it alone goes, so that the next one can make it. */
int output__discard(struct output *out);
void output__free(struct output *out); /* after one of the two; NULL is fine */

#endif /* SRC_OUTPUT_H */

// SPDX-License-Identifier: GPL-2.0-or-later
/* Files, pipes, terminals and sockets: full, closed, slow, renamed. */
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <termios.h>

#include "src/output.h"
#include "src/output_file.h"
#include "tests/unit/files.h"

#define PENDING_LIMIT (4 << 20)
#define NOBODY 65534

static const struct format_settings plain;

/* --- records ------------------------------------------------------------------------ */

static void format_record(struct text *text, const struct format *format, uint64_t n, bool first)
{
	struct pping_event e = { .type = PPING_EVENT_LOST, .lost = n };

	format->event(text, &plain, &e, n, first);
}

static void add(struct output *out, const struct format *format, uint64_t from, uint64_t count)
{
	uint64_t i;

	for (i = from; i < from + count; i++) {
		format_record(output__text(out), format, i, output__first(out));
		output__wrote_record(out, true);
	}
}

/* What a file of records 0 to count - 1 should hold, with a zero byte behind. */
static struct text expected(const struct format *format, uint64_t count)
{
	struct text t = { 0 };
	uint64_t i;

	if (format->begin)
		format->begin(&t);
	for (i = 0; i < count; i++)
		format_record(&t, format, i, !i);
	if (format->end)
		format->end(&t);
	*text__reserve(&t, 1) = 0;
	return t;
}

static void check_expected(const struct text *got, const struct format *format, uint64_t count)
{
	struct text want = expected(format, count);

	CHECK_INT(got->len, want.len);
	CHECK(got->len == want.len && !memcmp(got->data, want.data, want.len));
	text__free(&want);
}

static void check_records(const char *path, const struct format *format, uint64_t count)
{
	struct text got = read_file(path);

	check_expected(&got, format, count);
	text__free(&got);
}

static struct output *open_output(const char *path, const struct format *format)
{
	struct output *out;

	if (output__open(&out, path, format)) {
		fprintf(stderr, "test_output: can't open %s\n", path);
		exit(EXIT_FAILURE);
	}
	return out;
}

static int close_output(struct output *out, int timeout_ms)
{
	int err = output__close(out, timeout_ms);

	output__free(out);
	return err;
}

/* --- regular files ------------------------------------------------------------------- */

static void writes_and_appends(void)
{
	const char *path = path_of("append");
	struct output *out;
	int run;

	for (run = 0; run < 2; run++) {
		out = open_output(path, &format_jsonl);
		CHECK(output__first(out));
		add(out, &format_jsonl, 0, 1);
		CHECK(!output__first(out));
		CHECK_INT(output__flush(out), 0);
		CHECK_INT(output__poll_fd(out), -1);
		CHECK_INT(output__flush(out), 0);
		add(out, &format_jsonl, 1, 1);
		CHECK_INT(close_output(out, 0), 0);
	}
	check_file(path,
		   "{\"timestamp\":0,\"lost_events\":0}\n{\"timestamp\":1,\"lost_events\":1}\n"
		   "{\"timestamp\":0,\"lost_events\":0}\n{\"timestamp\":1,\"lost_events\":1}\n");
}

static void nothing_at_all(void)
{
	struct output *out = open_output(path_of("empty.jsonl"), &format_jsonl);

	CHECK_INT(output__flush(out), 0);
	CHECK_INT(close_output(out, 0), 0);
	check_file(path_of("empty.jsonl"), "");
	out = open_output(path_of("empty.json"), &format_json);
	CHECK_INT(close_output(out, 0), 0);
	check_file(path_of("empty.json"), "[\n\n]\n");
}

static void json_array(void)
{
	struct output *out = open_output(path_of("array.json"), &format_json);

	check_file(path_of("array.json"), "[\n");
	add(out, &format_json, 0, 3);
	CHECK_INT(output__flush(out), 0);
	add(out, &format_json, 3, 2);
	CHECK_INT(close_output(out, 0), 0);
	check_records(path_of("array.json"), &format_json, 5);
}

static void json_refuses_existing(void)
{
	const char *path = path_of("exists.json");
	struct output *out;

	write_file(path, "precious");
	catch_stderr();
	CHECK_INT(output__open(&out, path, &format_json), -EEXIST);
	CHECK(strstr(caught_stderr(), "exists.json: exists already and can't be appended to"));
	CHECK(!out);
	check_file(path, "precious");
}

/* A format that has nothing to say of an event leaves the file without a record. */
static void records_without_text(void)
{
	struct output *out = open_output(path_of("ppviz"), &format_ppviz);

	add(out, &format_ppviz, 0, 3);
	CHECK(output__first(out));
	CHECK_INT(close_output(out, 0), 0);
	check_file(path_of("ppviz"), "");
}

/* The flags of the descriptor that is open on path, and its descriptor flags. */
static int flags_of(const char *path, int *fd_flags)
{
	char link[64], target[PATH_MAX];
	ssize_t n;
	int fd;

	for (fd = 0; fd < 64; fd++) {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		n = readlink(link, target, sizeof(target) - 1);
		if (n < 0)
			continue;
		target[n] = 0;
		if (!strcmp(target, path)) {
			*fd_flags = fcntl(fd, F_GETFD);
			return fcntl(fd, F_GETFL);
		}
	}
	return -1;
}

static void flags_and_mode(void)
{
	mode_t old = umask(027);
	struct output *out = open_output(path_of("flags"), &format_jsonl);
	int flags, fd_flags = 0;
	struct stat st;

	flags = flags_of(path_of("flags"), &fd_flags);
	CHECK(flags >= 0 && flags & O_APPEND);
	CHECK(fd_flags & FD_CLOEXEC);
	CHECK_INT(close_output(out, 0), 0);
	CHECK(!stat(path_of("flags"), &st));
	CHECK_INT(st.st_mode & 07777, 0640);
	umask(old);
}

static void says_why_it_cannot_open(void)
{
	struct output *out;

	catch_stderr();
	CHECK_INT(output__open(&out, dir, &format_jsonl), -EISDIR);
	CHECK_INT(output__open(&out, path_of("no/such"), &format_json), -ENOENT);
	CHECK_INT(mkfifo(path_of("unread"), 0600), 0);
	CHECK_INT(output__open(&out, path_of("unread"), &format_json), -ENXIO);
	caught_stderr();

	catch_stderr();
	CHECK_INT(output__open(&out, "/no/such", &format_jsonl), -ENOENT);
	CHECK_STR(caught_stderr(), "pping: /no/such: No such file or directory\n");
	catch_stderr();
	CHECK_INT(output__open(&out, path_of("unread"), &format_json), -ENXIO);
	CHECK(strstr(caught_stderr(), "/unread: nobody reads it: start its reader first\n"));
}

/* logrotate's copytruncate: we go on at the new end. */
static void truncated_under_us(void)
{
	struct output *out = open_output(path_of("truncated"), &format_jsonl);

	add(out, &format_jsonl, 100, 50);
	CHECK_INT(output__flush(out), 0);
	CHECK_INT(truncate(path_of("truncated"), 0), 0);
	add(out, &format_jsonl, 0, 2);
	CHECK_INT(close_output(out, 0), 0);
	check_records(path_of("truncated"), &format_jsonl, 2);
}

static void out_of_memory(void)
{
	struct output *out = open_output(path_of("memory"), &format_jsonl);

	add(out, &format_jsonl, 0, 3);
	output__text(out)->failed = true;
	catch_stderr();
	CHECK_INT(output__flush(out), -ENOMEM);
	CHECK_INT(close_output(out, 0), -ENOMEM);
	CHECK(strstr(caught_stderr(), "/memory: Cannot allocate memory\n"));
	check_records(path_of("memory"), &format_jsonl, 3);
}

/* --- full disks ---------------------------------------------------------------------- */

static void limit_file_size(rlim_t limit)
{
	struct rlimit r;

	getrlimit(RLIMIT_FSIZE, &r);
	r.rlim_cur = limit;
	setrlimit(RLIMIT_FSIZE, &r);
}

#define UNENDED -1
#define UNTIDY -2

/* n for whole records 0 to n - 1 and nothing else, UNENDED if only format->end is missing. */
static int whole_records(const struct text *got, const struct format *format)
{
	size_t end = format->end ? 3 : 0;
	int n, found = UNTIDY;
	struct text want;

	for (n = 0; n <= 16 && found == UNTIDY; n++) {
		want = expected(format, (uint64_t)n);
		if (!memcmp(want.data, got->data, got->len < want.len ? got->len : want.len))
			found = want.len == got->len	     ? n
				: want.len == got->len + end ? UNENDED
							     : UNTIDY;
		text__free(&want);
	}
	return found;
}

/* 10 records in three flushes into a file of at most limit bytes; how many got there. */
static int fill(const struct format *format, rlim_t limit, int *err, const char **said)
{
	const char *path = path_of("full");
	struct output *out;
	struct text got;
	int i, n, second;

	unlink(path);
	catch_stderr();
	limit_file_size(limit);
	*err = output__open(&out, path, format);
	for (i = 0; i < 3 && !*err; i++) {
		add(out, format, (uint64_t)i * 4, i < 2 ? 4 : 2);
		*err = output__flush(out);
	}
	if (out) {
		add(out, format, 10, 0);
		second = output__flush(out);
		CHECK_INT(second, *err);
		second = close_output(out, 0);
		CHECK(!*err || second == *err);
		*err = second;
	}
	limit_file_size(RLIM_INFINITY);
	*said = caught_stderr();
	if (!out)
		return access(path, F_OK) ? 0 : UNTIDY;
	got = read_file(path);
	n = whole_records(&got, format);
	text__free(&got);
	return n;
}

static void cut_to_whole_lines(void)
{
	struct text all = expected(&format_jsonl, 10);
	const char *said;
	char want[64];
	rlim_t limit;
	int err, n;

	for (limit = 0; limit < all.len; limit++) {
		n = fill(&format_jsonl, limit, &err, &said);
		CHECK_INT(err, -EFBIG);
		CHECK_INT(n, limit / (all.len / 10));
		CHECK_INT(count_lines(said), 1);
		snprintf(want, sizeof(want), ": File too large: %d record%s (",
			 (n < 4	  ? 4
			  : n < 8 ? 8
				  : 10) -
				 n,
			 n == 3 || n == 7 || n == 9 ? "" : "s");
		CHECK(strstr(said, want));
	}
	n = fill(&format_jsonl, all.len, &err, &said);
	CHECK_INT(n, 10);
	CHECK_INT(err, 0);
	CHECK_STR(said, "");
	text__free(&all);
}

/* Wherever the disk is full a JSON file stays a whole array. */
static void cut_to_whole_array(void)
{
	struct text all = expected(&format_json, 10), one = expected(&format_json, 1);
	size_t record = (all.len - one.len) / 9, first = one.len - 3;
	int err, n;
	const char *said;
	rlim_t limit;

	for (limit = 0; limit < all.len; limit++) {
		n = fill(&format_json, limit, &err, &said);
		CHECK_INT(err, -EFBIG);
		CHECK_INT(count_lines(said), 1);
		if (limit < 2) {
			CHECK_INT(n, 0); /* nothing could be opened, and no file is left */
			continue;
		}
		/* "[\n" and no room for "\n]\n" */
		CHECK_INT(!!strstr(said, "; the file has no proper end\n"), limit < 5);
		if (limit < 5)
			CHECK_INT(n, UNENDED);
		else
			CHECK_INT(n, limit < first + 3 ? 0 : (limit - 3 - first) / record + 1);
	}
	CHECK_INT(fill(&format_json, all.len, &err, &said), 10);
	CHECK_INT(err, 0);
	text__free(&all);
	text__free(&one);
}

static void check_device(const char *path, const char *name)
{
	char want[128];
	struct output *out;

	snprintf(want, sizeof(want),
		 "pping: %s: No space left on device: 10 records (320 bytes) not written\n", name);
	catch_stderr();
	out = open_output(path, &format_jsonl);
	add(out, &format_jsonl, 0, 10);
	CHECK_INT(output__flush(out), -ENOSPC);
	add(out, &format_jsonl, 0, 10);
	CHECK_INT(output__flush(out), -ENOSPC);
	CHECK_INT(output__text(out)->len, 0);
	CHECK_INT(output__poll_fd(out), -1);
	CHECK_INT(output__reopen(out), -ENOSPC);
	CHECK_INT(close_output(out, 1000), -ENOSPC);
	CHECK_STR(caught_stderr(), want);
}

static void device_full(void)
{
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct output *out;

	check_device("/dev/full", "/dev/full");
	stdout_to(fd);
	check_device(NULL, "standard output");
	stdout_back();
	close(fd);
	catch_stderr();
	CHECK_INT(output__open(&out, "/dev/full", &format_json), -ENOSPC);
	CHECK_STR(caught_stderr(), "pping: /dev/full: No space left on device\n");
}

static void device_null(void)
{
	struct output *out = open_output("/dev/null", &format_json);

	add(out, &format_json, 0, 1000);
	CHECK_INT(output__flush(out), 0);
	CHECK_INT(close_output(out, 0), 0);
}

static void fill_disk(const void *ctx)
{
	const struct format *format = ctx;
	struct output *out;
	struct text got, want;
	uint64_t n = 0;
	int err = 0;

	catch_stderr();
	out = open_output(path_of("file"), format);
	while (!err) {
		add(out, format, n, 100);
		n += 100;
		err = output__flush(out);
	}
	CHECK_INT(err, -ENOSPC);
	CHECK_INT(close_output(out, 0), -ENOSPC);
	CHECK(strstr(caught_stderr(), "/file: No space left on device: "));
	got = read_file(path_of("file"));
	CHECK(got.len > 60000 && got.len <= 65536);
	while (n && (want = expected(format, n), want.len != got.len)) {
		text__free(&want);
		n--;
	}
	CHECK(n && !memcmp(got.data, want.data, got.len));
}

static void disk_full(void)
{
	on_small_disk(65536, fill_disk, &format_jsonl);
	on_small_disk(65536, fill_disk, &format_json);
}

/* What others wrote is theirs. */
static void cuts_only_its_own(void)
{
	const char *path = path_of("shared");
	struct output_file file;
	size_t written = 0;

	write_file(path, "before\n");
	CHECK_INT(output_file__open(&file, path, false), 0);
	CHECK_INT(output_file__write(&file, "ours\n", 5, &written), 0);
	CHECK_INT(output_file__cut(&file, 6), -EBUSY);
	CHECK_INT(output_file__cut(&file, 2), 0);
	check_file(path, "before\nour");
	CHECK_INT(output_file__write(&file, "s\n", 2, &written), 0);
	CHECK_INT(output_file__cut(&file, 1), 0);
	CHECK_INT(output_file__write(&file, "\n", 1, &written), 0);
	CHECK_INT(written, 8);
	write_file(path, "theirs\n");
	CHECK_INT(output_file__cut(&file, 1), -EBUSY);
	CHECK_INT(output_file__cut(&file, 0), 0);
	CHECK_INT(output_file__write(&file, "again\n", 6, &written), 0);
	CHECK_INT(output_file__cut(&file, 7), -EBUSY);
	CHECK_INT(output_file__cut(&file, 6), 0);
	check_file(path, "before\nours\ntheirs\n");
	CHECK_INT(output_file__close(&file), 0);
}

/* pping >file: from where the shell left off, and a later command goes on behind. */
static void redirected_stdout(void)
{
	const char *path = path_of("redirected");
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600), n;
	struct output *out;
	struct text got;

	CHECK_INT(write(fd, "header\n", 7), 7);
	stdout_to(fd);
	catch_stderr();
	out = open_output("-", &format_jsonl);
	add(out, &format_jsonl, 0, 4);
	limit_file_size(7 + 3 * 32 + 5);
	CHECK_INT(output__flush(out), -EFBIG);
	limit_file_size(RLIM_INFINITY);
	CHECK_INT(close_output(out, 0), -EFBIG);
	CHECK_STR(caught_stderr(),
		  "pping: standard output: File too large: 1 record (32 bytes) not written\n");
	stdout_back();
	CHECK_INT(write(fd, "footer\n", 7), 7);
	close(fd);
	got = read_file(path);
	n = 7 + 3 * 32;
	CHECK_INT(got.len, n + 7);
	CHECK(!memcmp(got.data, "header\n{", 8));
	CHECK_STR(got.data + n, "footer\n");
	text__free(&got);
}

/* --- pipes ----------------------------------------------------------------------------- */

static void reader_went_away(void)
{
	struct output *out;
	int fd;

	fd = stdout_to_pipe();
	out = open_output(NULL, &format_jsonl);
	add(out, &format_jsonl, 0, 1);
	CHECK_INT(output__flush(out), 0);
	close(fd);
	catch_stderr();
	add(out, &format_jsonl, 1, 1);
	CHECK_INT(output__flush(out), -EPIPE);
	CHECK_INT(output__flush(out), -EPIPE);
	CHECK_INT(close_output(out, 1000), -EPIPE);
	CHECK_STR(caught_stderr(),
		  "pping: standard output: reader went away: 1 record (32 bytes) not written\n");

	/* nobody there from the start: /proc/self/fd/1 can't be opened */
	catch_stderr();
	out = open_output(NULL, &format_jsonl);
	add(out, &format_jsonl, 0, 1);
	CHECK_INT(output__flush(out), -EPIPE);
	CHECK_INT(close_output(out, 0), -EPIPE);
	CHECK_INT(count_lines(caught_stderr()), 1);
	stdout_back();
}

/* Flush until nothing more goes in, then read all of it while flushing the rest. */
static void fill_and_drain(int reader, const struct format *format)
{
	struct output *out = open_output(NULL, format);
	uint64_t n = 0, start = now_ms();
	struct text got = { 0 };
	ssize_t len;
	int err;

	CHECK_INT(output__poll_fd(out), -1);
	while (!output__full(out)) {
		add(out, format, n, 1000);
		n += 1000;
		err = output__flush(out);
		CHECK(err == 0 || err == 1);
	}
	CHECK(now_ms() - start < 5000);
	CHECK(output__text(out)->len >= PENDING_LIMIT);
	CHECK(output__text(out)->len < 3 * PENDING_LIMIT);
	CHECK(output__poll_fd(out) >= 0);
	fcntl(reader, F_SETFL, O_NONBLOCK);
	while (output__flush(out) == 1) {
		len = read(reader, text__reserve(&got, 65536), 10000);
		got.len += len > 0 ? (size_t)len : 0;
	}
	CHECK_INT(output__poll_fd(out), -1);
	CHECK(!output__full(out));
	while ((len = read(reader, text__reserve(&got, 65536), 65536)) > 0)
		got.len += (size_t)len;
	CHECK_INT(close_output(out, 0), 0);
	while ((len = read(reader, text__reserve(&got, 65536), 65536)) > 0)
		got.len += (size_t)len;
	check_expected(&got, format, n);
	text__free(&got);
}

static void slow_pipe(void)
{
	int fd[2];

	CHECK(!pipe2(fd, O_CLOEXEC));
	stdout_to(fd[1]);
	alarm(30);
	fill_and_drain(fd[0], &format_jsonl);
	fill_and_drain(fd[0], &format_json);
	alarm(0);
	/* the shell's description is as it was */
	CHECK(!(fcntl(fd[1], F_GETFL) & O_NONBLOCK));
	stdout_back();
	close(fd[0]);
	close(fd[1]);
}

/* Another user's pipe, which /proc/self/fd does not open: poll() must do. */
static void slow_pipe_of_another_user(void)
{
	int fd[2], again;

	if (geteuid()) {
		SKIP("not root");
		return;
	}
	CHECK(!pipe2(fd, O_CLOEXEC));
	stdout_to(fd[1]);
	CHECK(!seteuid(NOBODY));
	again = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK);
	CHECK(again < 0);
	alarm(30);
	fill_and_drain(fd[0], &format_jsonl);
	alarm(0);
	CHECK(!(fcntl(fd[1], F_GETFL) & O_NONBLOCK));
	CHECK(!seteuid(0));
	stdout_back();
	close(fd[0]);
	close(fd[1]);
}

static void slow_socket(void)
{
	struct output *out;
	int fd[2], err = 0;

	CHECK(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd));
	stdout_to(fd[1]);
	alarm(30);
	fill_and_drain(fd[0], &format_jsonl);
	CHECK(!(fcntl(fd[1], F_GETFL) & O_NONBLOCK));
	close(fd[0]);
	catch_stderr();
	out = open_output(NULL, &format_jsonl);
	add(out, &format_jsonl, 0, 1);
	err = output__flush(out);
	CHECK(err == -EPIPE || err == -ECONNRESET);
	CHECK_INT(close_output(out, 0), err);
	CHECK(strstr(caught_stderr(), "reader went away"));
	alarm(0);
	stdout_back();
	close(fd[1]);
}

/* A terminal stopped with Ctrl-S. */
static void slow_terminal(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), slave;
	struct termios raw;

	if (master < 0 || grantpt(master) || unlockpt(master)) {
		SKIP("no pseudo terminal");
		return;
	}
	slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	CHECK(slave >= 0 && !tcgetattr(slave, &raw));
	cfmakeraw(&raw);
	CHECK(!tcsetattr(slave, TCSANOW, &raw));
	stdout_to(slave);
	alarm(30);
	fill_and_drain(master, &format_jsonl);
	alarm(0);
	CHECK(!(fcntl(slave, F_GETFL) & O_NONBLOCK));
	stdout_back();
	close(slave);
	close(master);
}

static void named_pipe(void)
{
	const char *path = path_of("fifo");
	struct output *out;
	int fd, i;

	CHECK(!mkfifo(path, 0600));
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	for (i = 0; i < 2; i++) {
		const struct format *format = i ? &format_json : &format_jsonl;
		struct text got;

		out = open_output(path, format);
		add(out, format, 0, 100);
		CHECK_INT(output__flush(out), 0);
		CHECK_INT(output__reopen(out), 0);
		CHECK_INT(close_output(out, 0), 0);
		got = read_fd(fd);
		check_expected(&got, format, 100);
		text__free(&got);
	}
	close(fd);
}

/* --- readers that come and go ------------------------------------------------------------- */

static int open_reader(const char *path)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	CHECK(fd >= 0);
	return fd;
}

/* Up to so many bytes of it, at the end of got. */
static void read_some(int fd, struct text *got, size_t bytes)
{
	ssize_t n;

	while (bytes && (n = read(fd, text__reserve(got, bytes + 1), bytes)) > 0) {
		got->len += (size_t)n;
		bytes -= (size_t)n;
	}
}

/* What a reader that dies had not read as a line does not count. */
static void forget_torn(struct text *got)
{
	while (got->len && got->data[got->len - 1] != '\n')
		got->len--;
}

static const char *new_fifo(const char *name)
{
	const char *path = path_of(name);

	unlink(path);
	CHECK(!mkfifo(path, 0600));
	return path;
}

static void fifo_without_reader(void)
{
	const char *path = new_fifo("early"), *said;
	struct text got = { 0 };
	struct output *out;
	int fd;

	catch_stderr();
	out = open_output(path, &format_jsonl);
	CHECK_INT(output__flush(out), 0);
	add(out, &format_jsonl, 0, 100);
	CHECK_INT(output__flush(out), 1);
	CHECK_INT(output__poll_fd(out), -1);
	CHECK_INT(output__reopen(out), 0);
	fd = open_reader(path);
	CHECK_INT(output__flush(out), 0);
	add(out, &format_jsonl, 100, 10);
	CHECK_INT(close_output(out, 0), 0);
	said = caught_stderr();
	CHECK(strstr(said, "/early: nobody reads it yet; waiting for a reader\n"));
	CHECK(strstr(said, "/early: has a reader now\n"));
	CHECK_INT(count_lines(said), 2);
	read_some(fd, &got, 65536);
	*text__reserve(&got, 1) = 0;
	check_expected(&got, &format_jsonl, 110);
	close(fd);
	text__free(&got);
}

/* A reader that leaves after so many bytes of each pipeful, wherever in a line that is: nothing is missing, or twice. */
static void change_readers(uint64_t records, size_t bytes)
{
	const char *path = new_fifo("changing");
	struct text got = { 0 }, want = expected(&format_jsonl, records);
	struct output *out;
	int fd, i;

	catch_stderr();
	out = open_output(path, &format_jsonl);
	add(out, &format_jsonl, 0, records);
	for (i = 0; i < 40; i++) {
		fd = open_reader(path);
		CHECK(output__flush(out) >= 0);
		read_some(fd, &got, bytes);
		forget_torn(&got);
		close(fd);
		CHECK_INT(output__flush(out), got.len < want.len);
		CHECK_INT(output__poll_fd(out), -1);
	}
	fd = open_reader(path);
	while (output__flush(out) == 1)
		read_some(fd, &got, 65536);
	CHECK_INT(close_output(out, 0), 0);
	read_some(fd, &got, 1 << 20);
	close(fd);
	/* nobody yet, somebody, gone, back; and not the other 39 times */
	CHECK_INT(count_lines(caught_stderr()), 4);
	*text__reserve(&got, 1) = 0;
	check_expected(&got, &format_jsonl, records);
	text__free(&got);
	text__free(&want);
}

static void fifo_changes_readers(void)
{
	static const size_t bytes[] = { 0,    1,     31,    4095,  4096,  4097,
					9000, 33333, 65504, 65535, 65536, 100000 };
	size_t i;

	for (i = 0; i < sizeof(bytes) / sizeof(*bytes); i++) {
		change_readers(50000, bytes[i]);
		change_readers(100, bytes[i]);
	}
}

/* The pipe of a reader that leaves after each record or two, for long: memory stays what the pipe may hold. */
static void fifo_keeps_what_may_be_wanted(void)
{
	const char *path = new_fifo("kept-small");
	struct text got = { 0 };
	struct output *out = NULL;
	int fd = open_reader(path);
	uint64_t n;

	out = open_output(path, &format_jsonl);
	for (n = 0; n < 100000; n += 100) {
		add(out, &format_jsonl, n, 100);
		CHECK_INT(output__flush(out), 0);
		CHECK_INT(output__poll_fd(out), -1);
		read_some(fd, &got, 65536);
		CHECK(output__text(out)->len < 4 * 65536);
	}
	CHECK_INT(close_output(out, 0), 0);
	*text__reserve(&got, 1) = 0;
	check_expected(&got, &format_jsonl, 100000);
	close(fd);
	text__free(&got);
}

/* At the end there is nobody: all that nobody has had is counted, also what was in the pipe. */
static void fifo_ends_deserted(void)
{
	const char *path = new_fifo("deserted"), *said;
	struct text got = { 0 };
	struct output *out;
	uint64_t start;
	int fd = open_reader(path);

	catch_stderr();
	out = open_output(path, &format_jsonl);
	add(out, &format_jsonl, 0, 10);
	CHECK_INT(output__flush(out), 0);
	read_some(fd, &got, 3 * 32 + 5);
	close(fd);
	start = now_ms();
	CHECK_INT(close_output(out, 150), -EPIPE);
	CHECK(now_ms() - start >= 149 && now_ms() - start < 2000);
	said = caught_stderr();
	CHECK(strstr(said, "its reader went away; waiting for another one\n"));
	/* lines of 32 bytes: three were read, and a part of the fourth */
	CHECK(strstr(said, "/deserted: reader went away: 7 records (224 bytes) not written\n"));
	text__free(&got);

	catch_stderr();
	out = open_output(path, &format_jsonl);
	add(out, &format_jsonl, 0, 10);
	CHECK_INT(close_output(out, 10), -ENXIO);
	CHECK(strstr(caught_stderr(), ": 10 records (320 bytes) not written\n"));

	/* nothing to say, nobody to hear it */
	catch_stderr();
	out = open_output(path, &format_jsonl);
	CHECK_INT(close_output(out, 0), 0);
	caught_stderr();
}

/* It would make what is in the pipe unknown. */
static void fifo_has_one_writer(void)
{
	const char *path = new_fifo("claimed");
	int fd = open_reader(path);
	struct output *out = open_output(path, &format_jsonl), *second;

	catch_stderr();
	CHECK_INT(output__open(&second, path, &format_jsonl), -EBUSY);
	CHECK(strstr(caught_stderr(), "/claimed: another pping is writing to it\n"));
	CHECK_INT(close_output(out, 0), 0);
	close(fd);
}

static void fifo_is_replaced(void)
{
	const char *path = new_fifo("replaced");
	int fd = open_reader(path);
	struct output *out = open_output(path, &format_jsonl);

	catch_stderr();
	close(fd);
	add(out, &format_jsonl, 0, 10);
	CHECK_INT(output__flush(out), 1);
	unlink(path);
	CHECK_INT(output__flush(out), 1);
	write_file(path, "precious");
	CHECK_INT(output__flush(out), -EPROTOTYPE);
	CHECK_INT(close_output(out, 0), -EPROTOTYPE);
	CHECK(strstr(caught_stderr(),
		     "/replaced: is no FIFO any more: 10 records (320 bytes) not written\n"));
	check_file(path, "precious");
}

/* An array can't be gone on with by somebody who has not seen its beginning. */
static void fifo_of_an_array(void)
{
	const char *path = new_fifo("array");
	int fd = open_reader(path);
	struct output *out = open_output(path, &format_json);

	close(fd);
	catch_stderr();
	add(out, &format_json, 0, 1);
	CHECK_INT(output__flush(out), -EPIPE);
	CHECK_INT(close_output(out, 0), -EPIPE);
	CHECK(strstr(caught_stderr(), "/array: reader went away: 1 record ("));
}

/* What the shell makes of -w >(command) and what /dev/stdout may be: nobody else can open that, so the end of its reader is the end. */
static void pipe_without_a_name(void)
{
	char path[32];
	struct output *out;
	int fd[2];

	CHECK(!pipe2(fd, O_CLOEXEC));
	snprintf(path, sizeof(path), "/dev/fd/%d", fd[1]);
	out = open_output(path, &format_jsonl);
	add(out, &format_jsonl, 0, 1);
	CHECK_INT(output__flush(out), 0);
	close(fd[0]);
	add(out, &format_jsonl, 1, 1);
	catch_stderr();
	CHECK_INT(output__flush(out), -EPIPE);
	CHECK_INT(close_output(out, 0), -EPIPE);
	CHECK(strstr(caught_stderr(), ": reader went away: 1 record (32 bytes) not written\n"));
	close(fd[1]);
}

/* --- others ------------------------------------------------------------------------------- */

static void closed_stdout(void)
{
	struct output *out;

	catch_stderr();
	stdout_to(-1);
	CHECK_INT(output__open(&out, NULL, &format_jsonl), -EBADF);
	stdout_back();
	CHECK_STR(caught_stderr(), "pping: standard output: Bad file descriptor\n");
}

/* Lines of several processes in one pipe don't mix. */
static void shared_pipe(void)
{
	int fd[2], i, status, lines = 0;
	unsigned long long a, b;
	uint64_t n;
	struct output *out;
	char line[128];
	FILE *reader;

	CHECK(!pipe2(fd, O_CLOEXEC));
	fflush(stdout);
	for (i = 0; i < 3; i++) {
		if (fork())
			continue;
		close(fd[0]);
		dup2(fd[1], STDOUT_FILENO);
		out = open_output(NULL, &format_jsonl);
		for (n = 0; n < 200; n++) {
			add(out, &format_jsonl, n * 1000003, 100);
			while (output__flush(out))
				poll(NULL, 0, 1);
		}
		_exit(close_output(out, 5000) ? 1 : 0);
	}
	close(fd[1]);
	reader = fdopen(fd[0], "r");
	while (fgets(line, sizeof(line), reader)) {
		CHECK(sscanf(line, "{\"timestamp\":%llu,\"lost_events\":%llu}\n", &a, &b) == 2);
		CHECK(a == b && strchr(line, '\n'));
		lines++;
	}
	fclose(reader);
	CHECK_INT(lines, 3 * 200 * 100);
	while (wait(&status) > 0)
		CHECK_INT(status, 0);
}

static void on_alarm(int sig)
{
	(void)sig;
}

/* Signals at all times, as Ctrl-Z and fg give: nothing lost, nothing twice. */
static void interrupted(void)
{
	struct sigaction action = { .sa_handler = on_alarm }, old;
	struct itimerval often = { { 0, 200 }, { 0, 200 } }, never = { { 0, 0 }, { 0, 0 } };
	struct output *out;
	struct text got;
	int fd[2], status;
	uint64_t n;
	pid_t pid;

	CHECK(!pipe2(fd, O_CLOEXEC));
	fflush(stdout);
	pid = fork();
	if (!pid) {
		close(fd[0]);
		dup2(fd[1], STDOUT_FILENO);
		close(fd[1]);
		sigaction(SIGALRM, &action, &old);
		setitimer(ITIMER_REAL, &often, NULL);
		out = open_output(NULL, &format_jsonl);
		for (n = 0; n < 20000; n += 100) {
			add(out, &format_jsonl, n, 100);
			output__flush(out);
		}
		status = close_output(out, 20000) ? 1 : 0;
		setitimer(ITIMER_REAL, &never, NULL);
		_exit(status);
	}
	close(fd[1]);
	poll(NULL, 0, 100);
	got = read_fd(fd[0]);
	check_expected(&got, &format_jsonl, 20000);
	text__free(&got);
	close(fd[0]);
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK_INT(status, 0);
}

static void close_waits_for_reader(void)
{
	struct output *out;
	struct text got;
	int fd[2], status;
	pid_t pid;

	CHECK(!pipe2(fd, O_CLOEXEC));
	fflush(stdout);
	pid = fork();
	if (!pid) {
		close(fd[0]);
		dup2(fd[1], STDOUT_FILENO);
		close(fd[1]);
		out = open_output(NULL, &format_json);
		add(out, &format_json, 0, 10000);
		_exit(output__flush(out) == 1 && !close_output(out, 20000) ? 0 : 1);
	}
	close(fd[1]);
	poll(NULL, 0, 200);
	got = read_fd(fd[0]);
	check_expected(&got, &format_json, 10000);
	text__free(&got);
	close(fd[0]);
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK_INT(status, 0);
}

/* The pipe's content so far is added to got. */
static void drain(int reader, struct text *got)
{
	ssize_t n;

	fcntl(reader, F_SETFL, O_NONBLOCK);
	while ((n = read(reader, text__reserve(got, 65537), 65536)) > 0)
		got->len += (size_t)n;
	got->data[got->len] = 0;
}

/* Nobody reads any more: what is lost is counted, whatever was moved in memory before. */
static void check_drop(int drains)
{
	unsigned long long bytes, records, first = 10000, n = 20000;
	struct text got = { 0 }, all = { 0 };
	struct output *out;
	int fd, i;

	for (i = 0; i < (int)n; i++) /* all of one length */
		format_record(&all, &format_jsonl, first + (uint64_t)i, false);
	fd = stdout_to_pipe();
	out = open_output(NULL, &format_jsonl);
	add(out, &format_jsonl, first, n / 2);
	CHECK_INT(output__flush(out), 1);
	for (i = 0; i < drains; i++) {
		drain(fd, &got);
		CHECK_INT(output__flush(out), 1);
	}
	output__wrote_record(out, true); /* an event without text */
	add(out, &format_jsonl, first + n / 2, n / 2);
	catch_stderr();
	CHECK_INT(close_output(out, 1), -ETIMEDOUT);
	CHECK(sscanf(caught_stderr(),
		     "pping: standard output: reader too slow: %llu records (%llu bytes) not "
		     "written",
		     &records, &bytes) == 2);
	stdout_back();
	drain(fd, &got);
	close(fd);
	CHECK_INT(got.len + bytes, all.len);
	CHECK(!memcmp(got.data, all.data, got.len));
	CHECK_INT(got.data[got.len - 1], '\n');
	CHECK_INT((unsigned long long)count_lines(got.data) + records, n);
	text__free(&got);
	text__free(&all);
}

static void counts_what_it_drops(void)
{
	int drains;

	for (drains = 0; drains < 6; drains++)
		check_drop(drains);
}

static void close_gives_up(void)
{
	struct output *out;
	uint64_t start;
	int fd;

	fd = stdout_to_pipe();
	out = open_output(NULL, &format_jsonl);
	add(out, &format_jsonl, 0, 10000);
	catch_stderr();
	start = now_ms();
	CHECK_INT(close_output(out, 150), -ETIMEDOUT);
	start = now_ms() - start;
	caught_stderr();
	stdout_back();
	close(fd);
	CHECK(start >= 149 && start < 2000);
}

/* A reader that is always a little behind: what is out leaves the memory too. */
static void pending_does_not_pile_up(void)
{
	struct text got = { 0 };
	struct output *out;
	uint64_t n;
	int fd;

	fd = stdout_to_pipe();
	out = open_output(NULL, &format_jsonl);
	for (n = 0; n < 200000; n += 1000) {
		add(out, &format_jsonl, n, n ? 1000 : 20000);
		output__flush(out);
		CHECK(output__poll_fd(out) >= 0);
		CHECK(read(fd, text__reserve(&got, 40000), 40000) > 0);
	}
	CHECK(output__text(out)->len < 3 << 20);
	catch_stderr();
	CHECK_INT(close_output(out, 0), -ETIMEDOUT);
	caught_stderr();
	stdout_back();
	close(fd);
	text__free(&got);
}

/* The pipe is full when the array begins. */
static void begin_waits(void)
{
	struct pping_event mark = { .type = PPING_EVENT_MARK };
	struct text got = { 0 };
	struct output *out;
	int fd[2];

	CHECK(!pipe2(fd, O_CLOEXEC | O_NONBLOCK));
	while (write(fd[1], "filled ", 7) > 0)
		continue;
	fcntl(fd[1], F_SETFL, 0);
	stdout_to(fd[1]);
	close(fd[1]);
	out = open_output(NULL, &format_json);
	CHECK(output__poll_fd(out) >= 0);
	format_json.event(output__text(out), &plain, &mark, 1, true);
	output__wrote_record(out, true);
	CHECK(output__first(out));
	drain(fd[0], &got);
	got.len = 0;
	add(out, &format_json, 0, 2);
	CHECK_INT(close_output(out, 0), 0);
	stdout_back();
	drain(fd[0], &got);
	check_expected(&got, &format_json, 2);
	text__free(&got);
	close(fd[0]);
}

/* --- SIGHUP ------------------------------------------------------------------------------ */

static void reopen_after_rename(void)
{
	const struct format *formats[] = { &format_jsonl, &format_json };
	const char *path = path_of("rotated"), *old = path_of("rotated.1");
	struct output *out;
	int i;

	for (i = 0; i < 2; i++) {
		unlink(path);
		out = open_output(path, formats[i]);
		add(out, formats[i], 0, 3);
		CHECK_INT(output__flush(out), 0);
		CHECK(!rename(path, old));
		add(out, formats[i], 3, 2);
		CHECK_INT(output__reopen(out), 0);
		CHECK(output__first(out));
		check_records(old, formats[i], 5);
		add(out, formats[i], 0, 4);
		CHECK_INT(close_output(out, 0), 0);
		check_records(path, formats[i], 4);
	}
}

/* No rename: a line format goes on in its file, json keeps the array open. */
static void reopen_without_rename(void)
{
	const struct format *formats[] = { &format_jsonl, &format_json };
	const char *path = path_of("kept"), *said;
	struct output *out;
	int i;

	for (i = 0; i < 2; i++) {
		unlink(path);
		out = open_output(path, formats[i]);
		add(out, formats[i], 0, 3);
		catch_stderr();
		CHECK_INT(output__reopen(out), 0);
		said = caught_stderr();
		if (formats[i]->appendable)
			CHECK_STR(said, "");
		else
			CHECK(strstr(said, "exists already and can't be appended to; going on "
					   "with the old file\n"));
		CHECK_INT(output__first(out), formats[i]->appendable);
		add(out, formats[i], 3, 2);
		CHECK_INT(close_output(out, 0), 0);
		check_records(path, formats[i], 5);
	}
}

static void reopen_fails(void)
{
	char path[PATH_MAX], gone[PATH_MAX];
	struct output *out;

	snprintf(gone, sizeof(gone), "%s", path_of("gone"));
	CHECK(!mkdir(gone, 0700));
	snprintf(path, sizeof(path), "%s", path_of("gone/file"));
	out = open_output(path, &format_jsonl);
	add(out, &format_jsonl, 0, 1);
	CHECK(!rename(gone, path_of("elsewhere")));
	catch_stderr();
	CHECK_INT(output__reopen(out), 0);
	CHECK(strstr(caught_stderr(), "No such file or directory; going on with the old file\n"));
	add(out, &format_jsonl, 1, 1);
	CHECK_INT(close_output(out, 0), 0);
	check_records(path_of("elsewhere/file"), &format_jsonl, 2);
}

static void reopen_stdout(void)
{
	struct output *out;
	struct text got;
	int fd;

	fd = stdout_to_pipe();
	out = open_output(NULL, &format_json);
	add(out, &format_json, 0, 1);
	CHECK_INT(output__reopen(out), 0);
	add(out, &format_json, 1, 1);
	CHECK_INT(close_output(out, 0), 0);
	stdout_back();
	got = read_fd(fd);
	check_expected(&got, &format_json, 2);
	text__free(&got);
	close(fd);
}

/* The disk is full: no empty new file stays behind, and the old one is as whole as can be. */
static void reopen_on_full_disk(void)
{
	const char *path = path_of("rotate-full"), *old = path_of("rotate-full.1");
	struct text got, five = expected(&format_json, 5);
	struct output *out;
	const char *said;
	int i;

	for (i = 0; i < 2; i++) {
		out = open_output(path, &format_json);
		add(out, &format_json, 0, 5);
		if (i) /* then there is no room for the end only */
			CHECK_INT(output__flush(out), 0);
		CHECK(!rename(path, old));
		catch_stderr();
		limit_file_size(five.len - 1);
		CHECK_INT(output__reopen(out), -EFBIG);
		limit_file_size(RLIM_INFINITY);
		CHECK_INT(close_output(out, 0), -EFBIG);
		said = caught_stderr();
		CHECK(strstr(said,
			     "/rotate-full: File too large: 1 record (33 bytes) not written\n"));
		CHECK_INT(count_lines(said), 1);
		CHECK(access(path, F_OK));
		got = read_file(old);
		CHECK_INT(whole_records(&got, &format_json), 4);
		text__free(&got);
	}
	text__free(&five);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	begin_dir("test_output");
	RUN(writes_and_appends);
	RUN(nothing_at_all);
	RUN(json_array);
	RUN(json_refuses_existing);
	RUN(records_without_text);
	RUN(flags_and_mode);
	RUN(says_why_it_cannot_open);
	RUN(truncated_under_us);
	RUN(out_of_memory);
	RUN(cut_to_whole_lines);
	RUN(cut_to_whole_array);
	RUN(device_full);
	RUN(device_null);
	RUN(disk_full);
	RUN(cuts_only_its_own);
	RUN(redirected_stdout);
	RUN(reader_went_away);
	RUN(slow_pipe);
	RUN(slow_pipe_of_another_user);
	RUN(slow_socket);
	RUN(slow_terminal);
	RUN(named_pipe);
	RUN(fifo_without_reader);
	RUN(fifo_changes_readers);
	RUN(fifo_keeps_what_may_be_wanted);
	RUN(fifo_ends_deserted);
	RUN(fifo_has_one_writer);
	RUN(fifo_is_replaced);
	RUN(fifo_of_an_array);
	RUN(pipe_without_a_name);
	RUN(closed_stdout);
	RUN(shared_pipe);
	RUN(interrupted);
	RUN(close_waits_for_reader);
	RUN(counts_what_it_drops);
	RUN(close_gives_up);
	RUN(pending_does_not_pile_up);
	RUN(begin_waits);
	RUN(reopen_after_rename);
	RUN(reopen_without_rename);
	RUN(reopen_fails);
	RUN(reopen_stdout);
	RUN(reopen_on_full_disk);
	end_dir();
	return TEST_EXIT();
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* Files that follow one another: their names, their size, what disturbs them. */
#include <signal.h>

#include "src/part_file.h"
#include "src/rotation.h"
#include "src/storage.h"
#include "tests/unit/files.h"

static const struct format_settings plain;

/* --- rotations --------------------------------------------------------------------------- */

static char finished[16][PATH_MAX];
static int n_finished;

static void on_finished(void *ctx, const char *path)
{
	(void)ctx;
	CHECK(!access(path, F_OK));
	snprintf(finished[n_finished++ % 16], PATH_MAX, "%s", path);
}

static struct rotation_settings settings_for(const char *name, const struct format *format)
{
	static char pattern[PATH_MAX];

	n_finished = 0;
	snprintf(pattern, sizeof(pattern), "%s", path_of(name));
	return (struct rotation_settings){ .pattern = pattern,
					   .format = format,
					   .finished = on_finished };
}

static struct rotation *open_rotation(const struct rotation_settings *set)
{
	struct rotation *r = NULL;

	if (rotation__open(&r, set)) {
		fprintf(stderr, "test_rotation: can't open %s\n", set->pattern);
		exit(EXIT_FAILURE);
	}
	return r;
}

static int add(struct rotation *r, const struct format *format, uint64_t n)
{
	struct pping_event e = { .type = PPING_EVENT_LOST, .lost = n };

	format->event(rotation__text(r), &plain, &e, n, rotation__first(r));
	return rotation__wrote_record(r, true);
}

/* Of the number in the n-th record that follows from + in the file. */
static void check_records(const struct text *t, uint64_t *next)
{
	const char *p = t->data;

	while ((p = strstr(p, "\"lost_events\":"))) {
		p += strlen("\"lost_events\":");
		if (strtoull(p, NULL, 10) != *next) {
			CHECK_INT(strtoull(p, NULL, 10), *next);
			return;
		}
		++*next;
	}
}

static void one_file(void)
{
	struct rotation_settings set = settings_for("one.json.gz", &format_json);
	struct rotation *r;

	set.compressor = COMPRESSOR_GZIP;
	r = open_rotation(&set);
	CHECK(rotation__first(r));
	CHECK(exists(path_of("one.json.gz.part")) && !exists(path_of("one.json.gz")));
	CHECK_INT(add(r, &format_json, 1), 0);
	CHECK(!rotation__first(r));
	CHECK_INT(add(r, &format_json, 2), 0);
	CHECK_INT(rotation__flush(r), 0);
	CHECK_INT(rotation__close(r), 0);
	CHECK(!exists(path_of("one.json.gz.part")));
	check_file(path_of("one.json.gz"), "[\n{\"timestamp\":1,\"lost_events\":1},\n"
					   "{\"timestamp\":2,\"lost_events\":2}\n]\n");
	CHECK_INT(n_finished, 1);
	CHECK_STR(finished[0], path_of("one.json.gz"));
	CHECK_INT(rotation__files(r), 1);
	CHECK_INT(rotation__events(r), 2);
	CHECK_INT(rotation__bytes(r), size_of(path_of("one.json.gz")));
	rotation__free(r);
	empty_dir();
}

/* A year's name given twice in a year; times are those of the file's beginning. */
static void names(void)
{
	struct rotation_settings set = settings_for("n-%Y-%%.jsonl", &format_jsonl);
	struct rotation *r = open_rotation(&set);
	time_t now = time(NULL);
	char want[64], content[64];
	int i;

	for (i = 0; i < 3; i++) {
		CHECK_INT(add(r, &format_jsonl, (uint64_t)i), 0);
		CHECK_INT(i < 2 ? rotation__next(r) : rotation__close(r), 0);
		CHECK(rotation__first(r) || i == 2);
	}
	rotation__free(r);
	for (i = 0; i < 3; i++) {
		snprintf(want, sizeof(want), i ? "n-%d-%%-%d.jsonl" : "n-%d-%%.jsonl",
			 localtime(&now)->tm_year + 1900, i);
		CHECK(exists(path_of(want)));
		CHECK_STR(finished[i], path_of(want));
		snprintf(content, sizeof(content), "{\"timestamp\":%d,\"lost_events\":%d}\n", i, i);
		check_file(path_of(want), content);
	}
	CHECK_INT(count_files(), 3);
	empty_dir();
}

/* Whatever the compressor holds back: each file is about that long and ends with a record. */
static void by_size(void)
{
	struct rotation_settings set = settings_for("s.jsonl", &format_jsonl);
	uint64_t n = 0, next = 0;
	struct rotation *r;
	struct text t;
	char name[32];
	int i;

	set.size = 100000;
	r = open_rotation(&set);
	while (rotation__files(r) < 5) {
		CHECK_INT(add(r, &format_jsonl, n++), 0);
		if (rotation__is_due(r))
			CHECK_INT(rotation__next(r), 0);
	}
	CHECK_INT(rotation__close(r), 0);
	CHECK_INT(rotation__events(r), n);
	for (i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), i ? "s-%d.jsonl" : "s.jsonl", i);
		t = read_file(path_of(name));
		CHECK(t.len < 120000 && (t.len >= 100000 || i == 4));
		CHECK(!t.len || t.data[t.len - 1] == '\n');
		check_records(&t, &next);
		text__free(&t);
	}
	CHECK_INT(next, n);
	rotation__free(r);
	empty_dir();
}

static void by_clock(void)
{
	struct rotation_settings set = settings_for("c-%H%M%S", &format_jsonl);
	struct rotation *r;
	time_t began = time(NULL);
	int i, changes = 0;

	set.interval_s = 1;
	r = open_rotation(&set);
	for (i = 0; i < 25; i++) {
		usleep(100000);
		CHECK_INT(rotation__tick(r), 0);
		if (rotation__is_due(r)) {
			changes++;
			CHECK_INT(rotation__next(r), 0);
		}
	}
	CHECK(changes >= 2 && changes <= time(NULL) - began);
	CHECK_INT(rotation__close(r), 0);
	CHECK_INT(count_files(), changes + 1);
	rotation__free(r);
	empty_dir();
}

/* --- others' files ------------------------------------------------------------------------ */

/* What is there stays, a finished file as well as what a killed run left. */
static void taken(void)
{
	struct rotation_settings set = settings_for("t.jsonl", &format_jsonl);
	struct rotation *r;
	const char *said;

	write_file(path_of("t.jsonl"), "old\n");
	write_file(path_of("t-1.jsonl.part"), "left\n");
	catch_stderr();
	r = open_rotation(&set);
	said = caught_stderr();
	CHECK(strstr(said, "t-1.jsonl.part was left unfinished by a run that was killed"));
	CHECK(strstr(said, "t.jsonl is taken: writing "));
	CHECK(strstr(said, "/t-2.jsonl\n"));
	CHECK_INT(add(r, &format_jsonl, 1), 0);
	CHECK_INT(rotation__close(r), 0);
	check_file(path_of("t.jsonl"), "old\n");
	check_file(path_of("t-1.jsonl.part"), "left\n");
	check_file(path_of("t-2.jsonl"), "{\"timestamp\":1,\"lost_events\":1}\n");
	rotation__free(r);

	write_file(path_of("t-7.jsonl.part"), "left\n");
	catch_stderr();
	r = open_rotation(&set);
	CHECK(strstr(caught_stderr(), ".jsonl.part and 1 more were left unfinished by runs"));
	rotation__discard(r);
	rotation__free(r);

	set.quiet = true;
	catch_stderr();
	r = open_rotation(&set);
	CHECK_STR(caught_stderr(), "");
	rotation__discard(r);
	rotation__free(r);
	CHECK_INT(count_files(), 4);
	empty_dir();
}

/* Somebody makes a file of that name while ours is in progress. */
static void taken_meanwhile(void)
{
	struct rotation_settings set = settings_for("m.jsonl", &format_jsonl);
	struct rotation *r = open_rotation(&set);

	write_file(path_of("m.jsonl"), "other\n");
	CHECK_INT(add(r, &format_jsonl, 1), 0);
	CHECK_INT(rotation__close(r), 0);
	check_file(path_of("m.jsonl"), "other\n");
	check_file(path_of("m-1.jsonl"), "{\"timestamp\":1,\"lost_events\":1}\n");
	CHECK_STR(finished[0], path_of("m-1.jsonl"));
	rotation__free(r);
	empty_dir();
}

/* The second of two runs is refused, wherever the first one has come to; a change of file is not. */
static void two_runs(void)
{
	struct rotation_settings set = settings_for("two.jsonl", &format_jsonl);
	struct rotation *r = open_rotation(&set), *second;
	struct part_file file = { 0 };

	catch_stderr();
	CHECK_INT(rotation__open(&second, &set), -EBUSY);
	CHECK(strstr(caught_stderr(), "/two.jsonl.part: another pping is writing to it"));
	CHECK_INT(add(r, &format_jsonl, 1), 0);
	CHECK_INT(rotation__next(r), 0);
	catch_stderr();
	CHECK_INT(rotation__open(&second, &set), -EBUSY);
	CHECK(strstr(caught_stderr(), "/two-1.jsonl.part: another pping is writing to it"));
	CHECK_INT(part_file__create(&file, path_of("two.jsonl"), false), 0);
	CHECK_STR(file.name, path_of("two-2.jsonl"));
	part_file__discard(&file);
	CHECK_INT(rotation__close(r), 0);
	rotation__free(r);
	CHECK_INT(count_files(), 2);
	empty_dir();
}

static void refused(void)
{
	struct rotation_settings set = settings_for("nosuch/x", &format_jsonl);
	struct rotation *r;

	catch_stderr();
	CHECK_INT(rotation__open(&r, &set), -ENOENT);
	CHECK(strstr(caught_stderr(), "/nosuch/x.part: No such file or directory\n"));
	CHECK(!mkfifo(path_of("fifo"), 0600));
	set.pattern = path_of("fifo");
	catch_stderr();
	CHECK_INT(rotation__open(&r, &set), -ENOTSUP);
	CHECK(strstr(caught_stderr(), "not a regular file"));
	/* nothing is followed to where somebody else wants us to write */
	CHECK(!symlink("/nonexistent/x", path_of("link.part")));
	set.pattern = path_of("link");
	set.quiet = true;
	CHECK_INT(rotation__open(&r, &set), 0);
	rotation__discard(r);
	rotation__free(r);
	CHECK_INT(count_files(), 2);
	empty_dir();
}

/* --- what goes wrong ------------------------------------------------------------------------ */

static int tick_until_error(struct rotation *r)
{
	int i, err = 0;

	for (i = 0; i < 10 && !err; i++)
		err = rotation__tick(r);
	return err;
}

static void removed(void)
{
	struct rotation_settings set = settings_for("r.jsonl.gz", &format_jsonl);
	struct rotation *r;

	set.compressor = COMPRESSOR_GZIP;
	r = open_rotation(&set);
	CHECK_INT(add(r, &format_jsonl, 1), 0);
	unlink(path_of("r.jsonl.gz.part"));
	catch_stderr();
	CHECK_INT(tick_until_error(r), -ESTALE);
	CHECK_INT(add(r, &format_jsonl, 2), -ESTALE);
	CHECK_INT(rotation__flush(r), -ESTALE);
	CHECK_INT(rotation__close(r), -ESTALE);
	CHECK(strstr(caught_stderr(),
		     "/r.jsonl.gz.part: was removed or moved away while it was being"));
	CHECK_INT(rotation__events(r), 0);
	rotation__free(r);

	/* another one in its place is left alone */
	r = open_rotation(&set);
	CHECK_INT(add(r, &format_jsonl, 1), 0);
	unlink(path_of("r.jsonl.gz.part"));
	write_file(path_of("r.jsonl.gz.part"), "other\n");
	catch_stderr();
	CHECK_INT(tick_until_error(r), -ESTALE);
	CHECK_INT(rotation__close(r), -ESTALE);
	caught_stderr();
	rotation__free(r);
	check_file(path_of("r.jsonl.gz.part"), "other\n");
	unlink(path_of("r.jsonl.gz.part"));

	/* moved away: it is ended where it is */
	r = open_rotation(&set);
	CHECK_INT(add(r, &format_jsonl, 1), 0);
	usleep(450000);
	CHECK_INT(rotation__tick(r), 0);
	CHECK_INT(rotation__tick(r), 0);
	usleep(450000);
	CHECK_INT(rotation__tick(r), 0);
	CHECK(!rename(path_of("r.jsonl.gz.part"), path_of("moved.gz")));
	catch_stderr();
	CHECK_INT(tick_until_error(r), -ESTALE);
	CHECK_INT(rotation__close(r), -ESTALE);
	caught_stderr();
	check_file(path_of("moved.gz"), "{\"timestamp\":1,\"lost_events\":1}\n");
	CHECK_INT(count_files(), 1);
	rotation__free(r);
	empty_dir();
}

static void no_memory(void)
{
	struct rotation_settings set = settings_for("memory.json", &format_json);
	struct rotation *r = open_rotation(&set);

	CHECK_INT(add(r, &format_json, 1), 0);
	CHECK_INT(rotation__flush(r), 0);
	CHECK_INT(add(r, &format_json, 2), 0);
	rotation__text(r)->failed = true;
	catch_stderr();
	CHECK_INT(rotation__flush(r), -ENOMEM);
	rotation__text(r)->failed = false;
	CHECK_INT(rotation__close(r), -ENOMEM);
	CHECK(strstr(caught_stderr(), "Cannot allocate memory: 1 event not written\n"));
	check_file(path_of("memory.json"), "[\n{\"timestamp\":1,\"lost_events\":1}\n]\n");
	rotation__free(r);
	empty_dir();
}

struct disk_row {
	enum compressor_kind kind;
	const struct format *format;
};

static void fill_disk(const void *ctx)
{
	const struct disk_row *row = ctx;
	struct rotation_settings set = settings_for("full", row->format);
	uint64_t n = 0, next = 0;
	struct rotation *r;
	struct text t;
	int err = 0;

	set.compressor = row->kind;
	catch_stderr();
	r = open_rotation(&set);
	while (!err) {
		err = add(r, row->format, n++);
		if (!err && n % 100 == 0)
			err = rotation__tick(r);
		/* so long that it is flushed now and then */
		if (row->kind && n % 100 == 0)
			usleep(5000);
	}
	CHECK_INT(err, -ENOSPC);
	CHECK_INT(rotation__close(r), -ENOSPC);
	CHECK(strstr(caught_stderr(), "/full.part: No space left on device: "));
	CHECK_INT(count_files(), 1);
	/* or the last block was full to the last byte */
	if (exists(path_of("full"))) {
		t = read_file(path_of("full"));
		check_records(&t, &next);
		CHECK_INT(next, rotation__events(r));
		CHECK(next > 500);
		CHECK(row->format != &format_json || !strcmp(t.data + t.len - 3, "\n]\n"));
		text__free(&t);
		CHECK_INT(rotation__bytes(r), size_of(path_of("full")));
	}
}

static void disk_full(void)
{
	static const struct disk_row rows[] = {
		{ COMPRESSOR_NONE, &format_jsonl },
		{ COMPRESSOR_NONE, &format_json },
		{ COMPRESSOR_GZIP, &format_jsonl },
		{ COMPRESSOR_GZIP, &format_json },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		on_small_disk(128 << 10, fill_disk, &rows[i]);
}

/* --- budgets ------------------------------------------------------------------------------------ */

static off_t bytes_of_all(void)
{
	struct dirent *entry;
	DIR *d = opendir(dir);
	off_t n = 0;

	while (d && (entry = readdir(d)))
		if (entry->d_name[0] != '.')
			n += size_of(path_of(entry->d_name));
	closedir(d);
	return n;
}

/* What no compressor makes shorter. */
static void add_noise(struct text *text, size_t len)
{
	char byte;

	while (len--) {
		byte = (char)('!' + random() % 90);
		text__append(text, &byte, 1);
	}
}

static void check_budget(const struct rotation *r, uint64_t offered)
{
	uint64_t next = 0, file;
	struct text t;
	char name[32];

	CHECK(bytes_of_all() <= 300000);
	CHECK(bytes_of_all() > 300000 - 40000);
	for (file = 0; file < rotation__files(r); file++) {
		snprintf(name, sizeof(name), file ? "b-%d.jsonl" : "b.jsonl", (int)file);
		t = read_file(path_of(name));
		check_records(&t, &next);
		CHECK(file + 1 < rotation__files(r) || !strcmp(t.data + t.len - 8, "the end\n"));
		text__free(&t);
	}
	CHECK_INT(next, rotation__events(r));
	CHECK(offered - next < 1000);
}

/* Compressed or not, well or not at all; and what ends a file has its place. */
static void budget_stops(void)
{
	int i;

	for (i = 0; i < 4; i++) {
		struct rotation_settings set = settings_for("b.jsonl", &format_jsonl);
		struct rotation *r;
		uint64_t n = 0;
		int err = 0;

		set.budget = 300000;
		set.size = i == 3 ? 0 : 100000;
		set.compressor = i % 2 ? COMPRESSOR_GZIP : COMPRESSOR_NONE;
		r = open_rotation(&set);
		for (; !err; n++) {
			if (i >= 2)
				add_noise(rotation__text(r), 1000);
			err = add(r, &format_jsonl, n);
			if (!err && rotation__is_due(r))
				CHECK_INT(rotation__next(r), 0);
		}
		CHECK_INT(err, ROTATION_SPENT);
		add_noise(rotation__text(r), 6000);
		text__append(rotation__text(r), "the end\n", 8);
		CHECK_INT(rotation__close(r), 0);
		check_budget(r, n);
		rotation__free(r);
		empty_dir();
	}
}

/* It holds back 128 KiB at a time, of which most may come out. */
static void budget_stops_zstd(void)
{
	struct rotation_settings set = settings_for("z.jsonl", &format_jsonl);
	struct rotation *r;
	uint64_t n;
	int err = 0;

	if (!compressor__has(COMPRESSOR_ZSTD)) {
		SKIP("built without zstd");
		return;
	}
	set.budget = 300000;
	set.compressor = COMPRESSOR_ZSTD;
	r = open_rotation(&set);
	for (n = 0; !err; n++) {
		add_noise(rotation__text(r), 1000);
		err = add(r, &format_jsonl, n);
	}
	CHECK_INT(err, ROTATION_SPENT);
	CHECK_INT(rotation__close(r), 0);
	CHECK(bytes_of_all() <= 300000);
	CHECK(bytes_of_all() > 300000 - 40000);
	rotation__free(r);
	empty_dir();
}

static void budget_drops(void)
{
	struct rotation_settings set = settings_for("d.jsonl", &format_jsonl);
	struct rotation *r;
	off_t most = 0;
	uint64_t n;

	/* (a number is not used again, though its file is gone) */
	write_file(path_of("other.jsonl"), "other\n");
	set.budget = 400000;
	set.size = 100000;
	set.drop_oldest = true;
	catch_stderr();
	r = open_rotation(&set);
	for (n = 0; rotation__files(r) < 12; n++) {
		CHECK_INT(add(r, &format_jsonl, n), 0);
		if (rotation__is_due(r))
			CHECK_INT(rotation__next(r), 0);
		if (n % 100 == 0)
			most = bytes_of_all() > most ? bytes_of_all() : most;
	}
	CHECK_INT(rotation__close(r), 0);
	CHECK(strstr(caught_stderr(), "/d.jsonl, the oldest"));
	CHECK(most <= 400000 + 6 && most > 300000);
	CHECK(exists(path_of("other.jsonl")) && exists(path_of("d-11.jsonl")) &&
	      exists(path_of("d-9.jsonl")));
	CHECK(!exists(path_of("d.jsonl")) && !exists(path_of("d-5.jsonl")));
	CHECK_INT(rotation__dropped(r), 12 - (count_files() - 1));
	rotation__free(r);
	empty_dir();
}

/* Others may take finished files away, or put their own in their place. */
static void storage(void)
{
	struct storage *s = storage__new();
	const char *path;
	int i;

	for (i = 0; i < 4; i++) {
		char name[] = "f0";

		name[1] = (char)('0' + i);
		write_file(path_of(name), "12345");
		CHECK_INT(storage__add(s, path_of(name)), 0);
	}
	CHECK_INT(storage__bytes(s), 20);
	unlink(path_of("f0"));
	write_file(path_of("new"), "another");
	CHECK(!rename(path_of("new"), path_of("f1")));
	storage__look(s);
	CHECK_INT(storage__bytes(s), 10);
	unlink(path_of("f2"));
	CHECK_INT(storage__drop_oldest(s, &path), 0);
	CHECK_STR(path, path_of("f3"));
	CHECK_INT(storage__bytes(s), 0);
	CHECK_INT(storage__drop_oldest(s, &path), -ENOENT);
	check_file(path_of("f1"), "another");
	CHECK_INT(count_files(), 1);
	storage__free(s);
	empty_dir();
}

/* --- crashes ----------------------------------------------------------------------------------- */

/* Whoever is killed leaves all that is older than a second: here, without any help of its own. */
static void killed(void)
{
	struct rotation_settings set = settings_for("k.jsonl.gz", &format_jsonl);
	int pipe_fds[2], status;
	uint64_t n = 0, next = 0;
	struct text t = { 0 };
	gzFile file;
	char second;
	pid_t pid;

	CHECK(!pipe(pipe_fds));
	fflush(stdout);
	pid = fork();
	if (!pid) {
		struct timespec start, now;
		struct rotation *r;

		set.compressor = COMPRESSOR_GZIP;
		r = open_rotation(&set);
		clock_gettime(CLOCK_MONOTONIC, &start);
		for (n = 0;; n++) {
			add(r, &format_jsonl, n);
			rotation__flush(r);
			if (n % 25 == 0)
				rotation__tick(r);
			usleep(10000);
			clock_gettime(CLOCK_MONOTONIC, &now);
			/* so many were written a second before it will be killed */
			if ((now.tv_sec - start.tv_sec) * 1000000000LL + now.tv_nsec -
				    start.tv_nsec >=
			    1000000000LL)
				break;
		}
		CHECK(write(pipe_fds[1], &n, sizeof(n)) == sizeof(n));
		for (int turn = 1;; turn++) {
			add(r, &format_jsonl, ++n);
			rotation__flush(r);
			if (n % 25 == 0)
				rotation__tick(r);
			usleep(10000);
			if (turn == 100) /* a second in which it ran */
				CHECK(write(pipe_fds[1], "", 1) == 1);
		}
	}
	close(pipe_fds[1]);
	CHECK(read(pipe_fds[0], &n, sizeof(n)) == sizeof(n));
	CHECK(read(pipe_fds[0], &second, 1) == 1);
	kill(pid, SIGKILL);
	CHECK(waitpid(pid, &status, 0) == pid);
	file = gzopen(path_of("k.jsonl.gz.part"), "rb");
	t.len = (size_t)gzread(file, text__reserve(&t, 1 << 20), (1 << 20) - 1);
	t.data[t.len] = 0;
	gzclose(file);
	check_records(&t, &next);
	CHECK(n > 20 && next >= n);
	text__free(&t);
	close(pipe_fds[0]);
	empty_dir();
}

int main(void)
{
	begin_dir("test_rotation");
	RUN(one_file);
	RUN(names);
	RUN(by_size);
	RUN(by_clock);
	RUN(taken);
	RUN(taken_meanwhile);
	RUN(two_runs);
	RUN(refused);
	RUN(removed);
	RUN(no_memory);
	RUN(disk_full);
	RUN(budget_stops);
	RUN(budget_stops_zstd);
	RUN(budget_drops);
	RUN(storage);
	RUN(killed);
	end_dir();
	return TEST_EXIT();
}

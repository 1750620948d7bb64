// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/plan.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <sys/statvfs.h>

#include "pping.h"

#define HOUR_S 3600.0
#define DAY_S 86400
/* What was written until then says how much an hour will be. */
#define TELL_AFTER_NS (10 * PPING_NS_PER_SEC)
/* A disk that will be full so soon is worth a warning. */
#define WARN_S 600

const char *plan__bytes(char *buf, size_t size, double bytes)
{
	static const char *const units[] = { "bytes", "kB", "MB", "GB", "TB", "PB" };
	size_t i = 0;

	while (bytes >= 999.5 && i + 1 < sizeof(units) / sizeof(*units)) {
		bytes /= 1000;
		i++;
	}
	snprintf(buf, size, "%.*f %s", i && bytes < 99.95 ? 1 : 0, bytes, units[i]);
	return buf;
}

static const char *duration(char *buf, size_t size, uint64_t s)
{
	if (s < 120)
		snprintf(buf, size, "%" PRIu64 " s", s);
	else if (s < 7200)
		snprintf(buf, size, "%" PRIu64 " minutes", s / 60);
	else if (s < 2 * DAY_S)
		snprintf(buf, size, "%" PRIu64 " hours", s / 3600);
	else
		snprintf(buf, size, "%" PRIu64 " days", s / DAY_S);
	return buf;
}

uint64_t plan__free_space(const char *path)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX];
	struct statvfs fs;

	snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
	if (statvfs(dir, &fs) < 0)
		return UINT64_MAX;
	return (uint64_t)fs.f_bavail * fs.f_frsize;
}

static double an_hour(const struct plan *p)
{
	double s = (double)p->elapsed_ns / PPING_NS_PER_SEC;

	return s > 0 ? (double)p->bytes / s * HOUR_S : 0;
}

uint64_t plan__lasts_s(const struct plan *p)
{
	double rate = an_hour(p) / HOUR_S, s;

	if (rate <= 0 || p->free == UINT64_MAX)
		return UINT64_MAX;
	s = (double)p->free / rate;
	return s < 1e12 ? (uint64_t)s : UINT64_MAX;
}

/* "; 79 GB are free, for 7 hours", and what the budget says. */
static void print_room(FILE *to, const struct plan *p)
{
	uint64_t lasts = plan__lasts_s(p);
	char bytes[32], time[32];

	if (p->free != UINT64_MAX)
		fprintf(to, "; %s free", plan__bytes(bytes, sizeof(bytes), (double)p->free));
	if (lasts != UINT64_MAX && !p->drop_oldest)
		fprintf(to, ", for %s", duration(time, sizeof(time), lasts));
	if (p->budget && an_hour(p) > 0) {
		double s = (double)p->budget / an_hour(p) * HOUR_S;

		fprintf(to, "; --max-storage holds %s",
			duration(time, sizeof(time), s < 1e12 ? (uint64_t)s : 0));
	}
}

static void print_rate(FILE *to, const struct plan *p)
{
	char bytes[32];

	fprintf(to, "%s an hour", plan__bytes(bytes, sizeof(bytes), an_hour(p)));
	if (p->events && p->elapsed_ns)
		fprintf(to, ": %.*f events/s of %.0f bytes",
			p->events * PPING_NS_PER_SEC / p->elapsed_ns < 10 ? 1 : 0,
			(double)p->events * PPING_NS_PER_SEC / (double)p->elapsed_ns,
			(double)p->event_bytes / (double)p->events);
	if (p->bytes && p->formatted > p->bytes + p->bytes / 20)
		fprintf(to, ", compressed %.1f times", (double)p->formatted / (double)p->bytes);
}

void plan__print(FILE *to, const struct plan *p)
{
	if (!p->known || !p->bytes)
		return;
	fprintf(to, "pping: at the rate so far ");
	print_rate(to, p);
	print_room(to, p);
	fprintf(to, "\n");
}

void plan__print_summary(FILE *to, const struct plan *p)
{
	char bytes[32];

	if (!p->known)
		return;
	fprintf(to, "  storage  %s in %" PRIu64 " file%s",
		plan__bytes(bytes, sizeof(bytes), (double)p->bytes), p->files,
		p->files == 1 ? "" : "s");
	if (p->dropped)
		fprintf(to, " (%" PRIu64 " of them dropped)", p->dropped);
	if (p->bytes && p->elapsed_ns) {
		fprintf(to, ", ");
		print_rate(to, p);
		print_room(to, p);
	}
	fprintf(to, "\n");
}

void plan__tell(struct plan_told *told, const struct plan *plan, const char *path)
{
	char bytes[32];

	if (plan->elapsed_ns < TELL_AFTER_NS)
		return;
	if (!told->rate && plan->formatted && plan->bytes) {
		told->rate = true;
		plan__print(stderr, plan);
	}
	if (!told->end && !plan->budget && plan__lasts_s(plan) < WARN_S) {
		told->end = true;
		fprintf(stderr,
			"pping: %s are left for %s: less than ten minutes at the rate so far\n",
			plan__bytes(bytes, sizeof(bytes), (double)plan->free), path);
	}
}

void plan__tell_room(const char *path, uint64_t budget)
{
	uint64_t space = plan__free_space(path);
	char wanted[32], left[32];

	if (space == UINT64_MAX || budget <= space)
		return;
	fprintf(stderr, "pping: --max-storage is %s, and %s are free\n",
		plan__bytes(wanted, sizeof(wanted), (double)budget),
		plan__bytes(left, sizeof(left), (double)space));
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reports per prefix as JSON objects and as lines for people. Each function
 * appends one record without what goes around it (comma, line feed, time of day).
 */
#ifndef SRC_FORMAT_AGGREGATE_H
#define SRC_FORMAT_AGGREGATE_H

#include "format.h"

void format_aggregate__json_description(struct text *out, const struct format_settings *set,
					uint64_t wall_ns);
void format_aggregate__json_row(struct text *out, const struct aggregate_row *row,
				uint64_t wall_ns);
void format_aggregate__json_totals(struct text *out, const struct format_totals *totals,
				   uint64_t wall_ns);

void format_aggregate__text_description(struct text *out, const struct format_settings *set);
void format_aggregate__text_row(struct text *out, const struct aggregate_row *row);
void format_aggregate__text_totals(struct text *out, const struct format_totals *totals);

#endif /* SRC_FORMAT_AGGREGATE_H */

// SPDX-License-Identifier: GPL-2.0-or-later
#include "fields.h"

#include <string.h>

static const struct row {
	const char *key;
	unsigned int kinds;
	const char *help;
} rows[] = {
#define FIELD_ROW(name, key, kinds, help) [FIELD_##name] = { key, kinds, help },
	FIELDS(FIELD_ROW)
#undef FIELD_ROW
};

int fields__find(const char *key, size_t len)
{
	for (int i = 0; i < FIELD_COUNT; i++)
		if (strlen(rows[i].key) == len && !memcmp(rows[i].key, key, len))
			return i;
	return -1;
}

const char *fields__key(enum field field)
{
	return rows[field].key;
}

void fields__print(FILE *out)
{
	fputs("The fields of JSON records, and which have them: those of RTTs, of the opening and\n"
	      "closing of flows, of lost events. Those with a + are there only if asked for.\n\n",
	      out);
	for (int i = 0; i < FIELD_COUNT; i++) {
		char kinds[32];

		snprintf(kinds, sizeof(kinds), "%s%s%s",
			 rows[i].kinds & FIELDS_OF_RTT ? "RTT " : "",
			 rows[i].kinds & FIELDS_OF_FLOW ? "flow " : "",
			 rows[i].kinds & FIELDS_OF_LOST ? "loss" : "");
		fprintf(out, "%c %-16s %-14s %s\n", FIELDS_USUAL >> i & 1 ? ' ' : '+', rows[i].key,
			kinds, rows[i].help);
	}
}

// SPDX-License-Identifier: GPL-2.0-or-later
#include "format.h"

#include <stddef.h>

const struct format *format__find(enum option_format which)
{
	static const struct format *const formats[] = {
		[FORMAT_STANDARD] = &format_standard,
		[FORMAT_JSON] = &format_json,
		[FORMAT_JSONL] = &format_jsonl,
		[FORMAT_PPVIZ] = &format_ppviz,
	};

	return (size_t)which < sizeof(formats) / sizeof(*formats) ? formats[which] : NULL;
}

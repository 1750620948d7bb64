/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Why something with BPF failed: what libbpf says of it, what the kernel lacks, which privilege is missing. */
#ifndef SRC_BPF_ERROR_H
#define SRC_BPF_ERROR_H

/* libbpf says nothing itself from now on; of what it says bpf_error__explain() shows the last that matters. */
void bpf_error__listen(void);

/* Prints that this kernel has no such feature, see features.h; advice may be "". */
void bpf_error__lacks(const char *what, const char *missing, const char *advice);

/* Prints why a BPF call failed with err (negative errno), privileges and kernel looked at. */
void bpf_error__explain(int err, const char *what);

#endif /* SRC_BPF_ERROR_H */

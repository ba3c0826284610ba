/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_SAMPLER_TRACE_H
#define MV_SAMPLER_TRACE_H
#endif

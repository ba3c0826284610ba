/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_SYMBOLISER_PRIVATE_H
#define MV_SYMBOLISER_PRIVATE_H
#endif

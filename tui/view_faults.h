/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_VIEW_FAULTS_H
#define MV_VIEW_FAULTS_H
#endif

dnl SPDX-License-Identifier: GPL-3.0-or-later

dnl MV_TRY_CFLAGS(FLAG): append FLAG to MV_CFLAGS when the compiler knows it.
AC_DEFUN([MV_TRY_CFLAGS],
[AS_VAR_PUSHDEF([mv_cache], [mv_cv_cflags_$1])dnl
AC_CACHE_CHECK([whether $CC knows $1], [mv_cache],
  [mv_saved_cflags=$CFLAGS
   CFLAGS="$CFLAGS -Werror $1"
   AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])],
     [AS_VAR_SET([mv_cache], [yes])], [AS_VAR_SET([mv_cache], [no])])
   CFLAGS=$mv_saved_cflags])
AS_VAR_IF([mv_cache], [yes], [AS_VAR_APPEND([MV_CFLAGS], [" $1"])])
AS_VAR_POPDEF([mv_cache])])

dnl MV_NEED(VARIABLE, MODULE, WHAT FOR, DEBIAN, FEDORA, ARCH, ALPINE): a library memview can't be without.
dnl All are looked for before the first complaint, so that one message names everything.
AC_DEFUN([MV_NEED],
[PKG_CHECK_MODULES([$1], [$2], [:], [mv_missing="$mv_missing
  $2 (for $3): Debian, Ubuntu: $4; Fedora: $5; Arch: $6; Alpine: $7"])])

AC_DEFUN([MV_FAIL_IF_NEEDED],
[AS_IF([test -n "$mv_missing"],
  [AC_MSG_ERROR([these libraries are missing:$mv_missing
Install them, or let ./bootstrap --run do it.])])])

dnl MV_CHECK_PIDS_VAL: libproc2 4.0.2's PIDS_VAL takes the info as a fourth argument, later ones don't.
dnl Defines MV_PIDS_VAL_ARGS to 3 or 4; sets have_libproc2 to no when neither compiles.
AC_DEFUN([MV_CHECK_PIDS_VAL],
[AC_CACHE_CHECK([how many arguments PIDS_VAL takes], [mv_cv_pids_val_args],
  [mv_saved_cflags=$CFLAGS
   CFLAGS="$CFLAGS $LIBPROC2_CFLAGS"
   mv_cv_pids_val_args=unknown
   AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[#include <libproc2/pids.h>
     int get(struct pids_stack *stack);
     int get(struct pids_stack *stack) { return PIDS_VAL(0, s_int, stack); }]], [])],
     [mv_cv_pids_val_args=3],
     [AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[#include <libproc2/pids.h>
       int get(struct pids_stack *stack, struct pids_info *info);
       int get(struct pids_stack *stack, struct pids_info *info)
       { return PIDS_VAL(0, s_int, stack, info); }]], [])],
       [mv_cv_pids_val_args=4])])
   CFLAGS=$mv_saved_cflags])
AS_IF([test "x$mv_cv_pids_val_args" = xunknown],
  [have_libproc2=no],
  [AC_DEFINE_UNQUOTED([MV_PIDS_VAL_ARGS], [$mv_cv_pids_val_args],
    [How many arguments libproc2's PIDS_VAL takes, 3 or 4.])])])

dnl MV_CHECK_DEMANGLE: libiberty, which ships no pkg-config file, and whose header lies in one of two places.
dnl Sets have_demangle and DEMANGLE_LIBS; defines HAVE_DEMANGLE and MV_DEMANGLE_HEADER.
AC_DEFUN([MV_CHECK_DEMANGLE],
[have_demangle=no
DEMANGLE_LIBS=
AC_CHECK_HEADERS([libiberty/demangle.h demangle.h],
  [mv_saved_libs=$LIBS
   LIBS="-liberty $LIBS"
   AC_CACHE_CHECK([whether libiberty demangles], [mv_cv_demangle],
     [AC_LINK_IFELSE([AC_LANG_PROGRAM([[char *cplus_demangle(const char *, int);]],
        [[return cplus_demangle("_Z1fv", 3) == 0;]])],
        [mv_cv_demangle=yes], [mv_cv_demangle=no])])
   LIBS=$mv_saved_libs
   AS_IF([test "x$mv_cv_demangle" = xyes],
     [have_demangle=yes
      DEMANGLE_LIBS=-liberty
      AC_DEFINE([HAVE_DEMANGLE], [1], [Define to 1 when libiberty demangles.])])
   break])
AC_SUBST([DEMANGLE_LIBS])])

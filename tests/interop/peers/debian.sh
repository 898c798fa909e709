# Sourced by recipes: programs of another Debian suite, usable on an older Debian as ordinary host programs.
#
# The packages are unpacked, not installed, below $work, together with the C library and all else they are linked with.  $dest/bin gets one script for
# each program, which has that C library's loader run it; so host paths mean what they always mean, and children of the program are not affected.
# A program of the same name that another recipe put there is left alone; all the scripts are in $work/bin in any case.
#
# Needs no root. The archive's address and keyring come from the system's apt.

# debian_fetch SUITE PACKAGE…
debian_fetch() {
	local suite=$1 archive keyring package
	shift
	need apt-get
	need dpkg-deb
	archive=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null | grep -E '/debian/?$' | head -n 1 || true)
	[ -n "$archive" ] || skip "apt knows no Debian archive"
	keyring=$(apt-get indextargets "Repo-URI: $archive" 2>/dev/null | sed -n 's,^Signed-By: \(/.*\),\1,p' | head -n 1 || true)
	keyring=${keyring:-/usr/share/keyrings/debian-archive-keyring.gpg}
	# An apt of our own, that believes that nothing is installed.
	mkdir -p "$work"/apt/{lists/partial,cache/archives/partial,dpkg} "$work/root" "$work/bin"
	: >"$work/apt/dpkg/status"
	echo "deb [signed-by=$keyring] $archive $suite main" >"$work/apt/sources.list"
	own_apt() {
		apt-get --quiet --yes -o "Dir::State=$work/apt" -o "Dir::State::status=$work/apt/dpkg/status" \
			-o "Dir::Cache=$work/apt/cache" -o "Dir::Etc::SourceList=$work/apt/sources.list" -o Dir::Etc::SourceParts=/dev/null \
			-o APT::Sandbox::User= -o APT::Update::Error-Mode=any -o Acquire::Check-Valid-Until=false \
			-o Acquire::Languages=none -o APT::Install-Recommends=0 "$@" >>"$work/apt.log" 2>&1
	}
	own_apt update || skip "no lists of $suite to be had: $(grep -E '^[EW]:' "$work/apt.log" | head -n 1 | sed -E 's,https?://[^/ ]*/,,g')"
	own_apt --download-only install "$@" libc-bin ||
		skip "packages not to be had: $(grep -E '^E:' "$work/apt.log" | head -n 1 | sed -E 's,https?://[^/ ]*/,,g')"
	for package in "$work"/apt/cache/archives/*.deb; do
		dpkg-deb --extract "$package" "$work/root"
		dpkg-deb --show "$package" >>"$work/packages"
	done
	rm -rf "$work/apt" "$work"/root/usr/share/{doc,man,locale,info}
}

# debian_programs PROGRAM…: of what was fetched
debian_programs() {
	local triplet libraries loader name program missing
	# Where the libraries are: whatever the loader finds with the usual directories.
	triplet=$(basename "$(dirname "$(find "$work/root" -name 'libc.so.6' | head -n 1)")")
	libraries=$(find "$work/root" -type d -name "$triplet" -path '*/lib/*' | sort | paste -sd :)
	loader=$(find "$work/root" -name 'ld-linux*.so.*' -path "*/$triplet/*" | head -n 1)
	for name in "$@"; do
		program=$work/root/usr/bin/$name
		[ -f "$program" ] || continue
		missing=$("$loader" --inhibit-cache --library-path "$libraries" --list "$program" | grep 'not found' || true)
		[ -z "$missing" ] || { echo "$self.sh: $name lacks:$missing" >&2 && exit 1; }
		cat >"$work/bin/$name" <<-SCRIPT
			#!/bin/sh
			# made by $self.sh
			exec '$loader' --argv0 "\$0" --inhibit-cache --library-path '$libraries' '$program' "\$@"
		SCRIPT
		chmod 0755 "$work/bin/$name"
		if [ ! -e "$dest/bin/$name" ] || grep -q "^# made by $self.sh" "$dest/bin/$name"; then
			cp -f "$work/bin/$name" "$dest/bin/$name"
		fi
	done
}

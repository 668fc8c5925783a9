# Completion for fish. The table is lkvm's own (make man): command, option, value.
set -g __lkvm_table (string split \n '
run
run --name -
run --cpus -
run --mem -
run --memory -
run --disk @file
run --sandbox -
run --9p @file
run --fs @file
run --balloon
run --rng
run --rng-limit -
run --nodefaults
run --console serial|virtio
run --console-port -
run --vsock -
run --vfio-pci -
run --dev @file
run --tty -
run --hugetlbfs @file
run --virtio-transport pci|mmio
run --virtio-legacy
run --force-pci
run --loglevel error|warning|info|debug
run --confine on|off|strict
run --reboot
run --kernel @file
run --initrd @file
run --add-file @file
run --add-dir @file
run --params -
run --firmware @file
run --flash @file
run --flat
run --earlycon
run --network -
run --no-dhcp
run --pmu
run --pmu-counters -
run --disable-mte
run --nested
run --e2h0
run --aarch32
run --psci
run --guest-memfd
run --counter-offset -
run --vcpu-affinity -
run --kaslr-seed -
run --no-pvtime
run --disable-sve
run --sve-max-vl -
run --dump-dtb @file
run --dtb @file
run --override-bad-firmware-cntfrq -
run --irqchip gicv2|gicv2m|gicv3|gicv3-its
run --rtc mc146818|pl031
run --pvpanic on|off
run --firmware-address -
run --realm
run --realm=rme
run --realm=rmi
run --realm=sim
run --measurement-algo sha256|sha512
run --realm-pv -
run --realm-pv-hex -
run --measurement-log
run --sve-vl -
run --restricted_mem
run --restricted-mem
run --service-ip -
run --service-port -
run --swiotlb -
run --bounce
run --sim-strict
run --sim-attest-keys @file
run --sim-token-form 399|907
run --sim-fault -
run --sim-log
run --protected
run --pkvm
run --verbose
run --debug
run --debug-single-step
run --gdb -
run --debug-mmio
run --debug-ioport
run --debug-iodelay -
run --until -
run --fail-on -
run --timeout -
run --send -
run --after -
run --within -
run --status-from regex|kut
run --max-resets -
run --console-log @file
run --report @file
run --events @file
run --no-panic-watch
run --help
exec
exec --ro @file
exec --rw @file
exec --cwd @file
exec --env -
exec --modules @file
exec --help
sandbox
sandbox --ro @file
sandbox --rw @file
sandbox --cwd @file
sandbox --env -
sandbox --modules @file
sandbox --help
setup
setup --help
measure
measure --rmm -
measure --host-params list|file|host
measure --explain
measure --json
measure --reference-values
measure --comid
measure --corim
measure --help
doctor
doctor --json
doctor --dev @file
doctor --help
token
token --verify @file
token --trust-anchor @file
token --challenge hex|file
token --rim hex|base64
token --json
token --help
attest-keys
attest-keys --sim-attest-keys @file
attest-keys --jwk
attest-keys --pem
attest-keys --help
list
list --run
list --rootfs
list --json
list --help
stop
stop --name @guest
stop --all
stop --help
pause
pause --name @guest
pause --all
pause --help
resume
resume --name @guest
resume --all
resume --help
stat
stat --name @guest
stat --all
stat --bounce
stat --json
stat --memory
stat --help
trace
trace --name @guest
trace --count -
trace --json
trace --pcap @file
trace --help
map
map --name @guest
map --json
map --svg @file
map --help
disk
disk --name @guest
disk --json
disk --help
net
net --name @guest
net --json
net --help
balloon
balloon --name @guest
balloon --inflate -
balloon --deflate -
balloon --json
balloon --help
debug
debug --name @guest
debug --all
debug --dump
debug --nmi -
debug --sysrq -
debug --symbols @file
debug --json
debug --help
version
help
')

function __lkvm_commands
	string match -r '^[^ ]+$' -- $__lkvm_table
end

function __lkvm_complete
	set -l words (commandline -opc)
	set -l cur (commandline -ct)
	if test (count $words) -lt 2; or test "$words[2]" = help
		__lkvm_commands
		return
	end
	set -l option $words[-1]
	set -l prefix ''
	if string match -q -- '--*=*' $cur
		set option (string split -m 1 = -- $cur)[1]
		set prefix "$option="
	end
	set -l kind (string replace -rf -- "^$words[2] $option (.*)" '$1' $__lkvm_table)
	# A guest's name may also stand by itself.
	if test -z "$kind"; and not string match -q -- '-*' $cur; and contains -- "$words[2] --name @guest" $__lkvm_table
		set kind @guest
	end
	switch "$kind"
	case @guest
		for name in (lkvm list -i 2>/dev/null | awk 'NR > 2 { print $2 }')
			echo $prefix$name
		end
	case '*|*'
		for word in (string split '|' -- $kind)
			echo $prefix$word
		end
	case -
		return
	case @file
		for file in (__fish_complete_path (string replace -r -- '^--[^=]*=' '' $cur))
			echo $prefix$file
		end
	case '*'
		if string match -q -- '-*' $cur
			string replace -rf -- "^$words[2] (--[^ ]*)( .*)?\$" '$1' $__lkvm_table
		else
			__fish_complete_path $cur
		end
	end
end
complete -c lkvm -f -a '(__lkvm_complete)'

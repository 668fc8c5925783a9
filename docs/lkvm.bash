_lkvm()
{
	local cur=${COMP_WORDS[COMP_CWORD]} options
	COMPREPLY=()
	if [ "$COMP_CWORD" = 1 ]; then
		options='run measure doctor token attest-keys list stop pause resume stat trace map version help '
	elif [ "${COMP_WORDS[1]}" = run ] && [[ $cur == -* ]]; then
		options='--name=
--cpus=
--mem=
--disk=
--9p=
--rng
--nodefaults
--console=
--dev=
--tty=
--hugetlbfs=
--virtio-transport=
--virtio-legacy
--force-pci
--loglevel=
--reboot
--kernel=
--initrd=
--params=
--firmware=
--flat
--earlycon
--network=
--no-dhcp
--pmu
--pmu-counters=
--disable-mte
--vcpu-affinity=
--kaslr-seed=
--no-pvtime
--disable-sve
--sve-max-vl=
--dump-dtb=
--dtb=
--override-bad-firmware-cntfrq=
--irqchip=
--rtc=
--firmware-address=
--realm=
--measurement-algo=
--realm-pv=
--realm-pv-hex=
--measurement-log
--sve-vl=
--restricted_mem
--restricted-mem
--service-ip=
--service-port=
--swiotlb=
--sim-strict
--sim-attest-keys=
--sim-token-form=
--sim-fault=
--sim-log=
--protected
--pkvm
--verbose
--debug
--debug-mmio
--debug-iodelay=
--until=
--fail-on=
--timeout=
--send=
--after=
--within=
--status-from=
--max-resets=
--console-log=
--no-panic-watch
--help
'
	else
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
	fi
	mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
	[[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace
}
complete -o filenames -F _lkvm lkvm

# Chooses the slot, counts the try, starts its kernel. U-Boot runs this on a Pi and in the virtual machine alike.
#
# The counters are U-Boot variables in one sector at 1 MiB (image/boot_counters.py, /etc/fw_env.config). A sector is
# written whole or not at all; one that can't be read counts as new, which tries A first.
echo "earshot: disk ${devtype} ${devnum}"
setenv BOOT_ORDER "A B"
setenv BOOT_A_LEFT 3
setenv BOOT_B_LEFT 3
setenv extra ""
setexpr initrd_addr ${kernel_addr_r} + 0x8000000

${devtype} dev ${devnum}
${devtype} read ${kernel_addr_r} 0x800 1
env import -c ${kernel_addr_r} 0x200 BOOT_ORDER BOOT_A_LEFT BOOT_B_LEFT

# More kernel arguments, for a search at the counter: a line "extra=..." in this file.
if test -e ${devtype} ${devnum}:1 /extra.env; then
    load ${devtype} ${devnum}:1 ${kernel_addr_r} /extra.env
    env import -t ${kernel_addr_r} ${filesize} extra
fi

setenv slot none
for name in ${BOOT_ORDER}; do
    if test ${slot} = none; then
        if test ${name} = A -a ${BOOT_A_LEFT} -gt 0; then
            setexpr BOOT_A_LEFT ${BOOT_A_LEFT} - 1
            setenv slot A
            setenv part 2
        fi
        if test ${name} = B -a ${BOOT_B_LEFT} -gt 0; then
            setexpr BOOT_B_LEFT ${BOOT_B_LEFT} - 1
            setenv slot B
            setenv part 3
        fi
    fi
done

# A box that has used up every try goes on trying: it stands where nobody can start it anew. The order stays, so the
# slot that was chosen last comes first again.
if test ${slot} = none; then
    echo "earshot: no tries left, all counters begin anew"
    setenv BOOT_A_LEFT 3
    setenv BOOT_B_LEFT 3
fi
env export -c -s 0x200 ${kernel_addr_r} BOOT_ORDER BOOT_A_LEFT BOOT_B_LEFT
${devtype} write ${kernel_addr_r} 0x800 1
if test ${slot} = none; then
    reset
fi

part uuid ${devtype} ${devnum}:${part} root
setenv bootargs "root=PARTUUID=${root} rootwait ro rauc.slot=${slot} net.ifnames=0 fsck.repair=yes systemd.ssh_auto=no panic=10 ${extra}"
echo "earshot: slot ${slot}, tries left A ${BOOT_A_LEFT} B ${BOOT_B_LEFT}"
if load ${devtype} ${devnum}:${part} ${kernel_addr_r} /boot/vmlinuz; then
    if load ${devtype} ${devnum}:${part} ${initrd_addr} /boot/initrd.img; then
        if test -n "${fdt_addr}"; then
            setenv tree ${fdt_addr}
        else
            setenv tree ${fdtcontroladdr}
        fi
        booti ${kernel_addr_r} ${initrd_addr}:${filesize} ${tree}
    fi
fi
echo "earshot: slot ${slot} does not start"
sleep 2
reset

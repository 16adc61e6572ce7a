"""What an image is made of: packages, what is left out of them, and the sizes of the disk's parts."""

from __future__ import annotations

from dataclasses import dataclass

SUITE = "trixie"
PYTHON = "3.13"
# Packages are unpacked as if it were this moment: what depends on nothing but them is then the same for every commit.
BASE_EPOCH = 1_767_225_600  # 2026-01-01

SYSTEM = [
    "systemd-sysv",
    "systemd-resolved",
    "systemd-timesyncd",
    "systemd-zram-generator",
    "libnss-myhostname",
    "udev",
    "dbus",
    "kmod",
    "mount",
    "passwd",
    "login",
    "procps",
    "iproute2",
    "e2fsprogs",
    "dosfstools",
    "fdisk",
    "initramfs-tools",
    "zstd",
    "tzdata",
    "ca-certificates",
    "openssh-server",
    "rauc",
    "rauc-service",
    "libubootenv-tool",
    "gpiod",
    "fonts-dejavu-core",
    "less",
]
WIRELESS = ["iwd", "wireless-regdb", "firmware-brcm80211"]
# The environment in /opt/earshot sees these, too.
PYTHON_PACKAGES = ["python3", "python3-libgpiod", "libasound2t64", "alsa-utils"]

# Parts of packages that no box can use: documentation, and drivers of hardware that no Raspberry Pi has.
LEFT_OUT = (
    "/usr/share/man/*",
    "/usr/share/doc/*",
    "/usr/share/info/*",
    "/usr/share/locale/*",
    "/usr/share/lintian/*",
    "/usr/share/bug/*",
    "/usr/share/bash-completion/*",
    "/usr/share/zsh/*",
    "/usr/lib/linux-image-*/*",
    "/usr/lib/modules/*/dtb/*",
    *(
        f"/usr/lib/modules/*/kernel/{path}/*"
        for path in (
            "drivers/gpu/drm/amd",
            "drivers/gpu/drm/radeon",
            "drivers/gpu/drm/nouveau",
            "drivers/gpu/drm/i915",
            "drivers/gpu/drm/xe",
            "drivers/gpu/drm/msm",
            "drivers/gpu/drm/rockchip",
            "drivers/gpu/drm/mediatek",
            "drivers/gpu/drm/tegra",
            "drivers/infiniband",
            "drivers/iio",
            "drivers/isdn",
            "drivers/comedi",
            "drivers/staging/rtl8723bs",
            "drivers/net/ethernet/chelsio",
            "drivers/net/ethernet/mellanox",
            "drivers/net/ethernet/qlogic",
            "drivers/net/ethernet/intel",
            "drivers/net/ethernet/marvell",
            "drivers/net/ethernet/huawei",
            "drivers/net/ethernet/netronome",
            "drivers/net/ethernet/hisilicon",
            "drivers/net/ethernet/broadcom/bnx2x",
            "drivers/net/ethernet/broadcom/bnxt",
            "drivers/net/ethernet/emulex",
            "drivers/net/ethernet/freescale",
            "drivers/net/wireless/ath",
            "drivers/net/wireless/intel",
            "drivers/net/wireless/marvell",
            "drivers/net/wireless/mediatek",
            "drivers/net/wireless/realtek",
            "drivers/scsi/*",
            "drivers/media/dvb-frontends",
            "drivers/media/tuners",
            "drivers/media/usb/dvb*",
            "drivers/media/pci",
            "drivers/accel",
            "drivers/ata",
            "drivers/crypto",
            "drivers/mtd",
            "drivers/target",
            "fs/btrfs",
            "fs/xfs",
            "fs/ocfs2",
            "fs/gfs2",
            "fs/ceph",
            "fs/smb",
            "fs/nfs",
            "fs/nfsd",
            "fs/jfs",
            "fs/f2fs",
            "fs/ubifs",
            "fs/bcachefs",
            "fs/reiserfs",
            "fs/afs",
            "fs/orangefs",
            "net/openvswitch",
            "net/sctp",
            "net/tipc",
            "net/rds",
            "net/batman-adv",
            "net/netfilter/ipvs",
            "sound/pci",
            "sound/isa",
        )
    ),
    # The initramfs is made once, when everything is in its place (image/tree.py), and not whenever a package is set up.
    "/etc/kernel/postinst.d/initramfs-tools",
    "/etc/initramfs-tools/update-initramfs.conf",
)
KEPT = (
    "/usr/share/doc/*/copyright",
    "/usr/share/locale/locale.alias",
    "/usr/lib/linux-image-*/broadcom/*",
)


@dataclass(frozen=True, slots=True)
class Profile:
    """One kind of image. `boot_packages` are unpacked for the boot partition and not installed in the root."""

    name: str
    packages: tuple[str, ...]
    boot_packages: tuple[str, ...]
    needs_sources: bool = False


PROFILES = {
    "debian": Profile(
        name="debian",
        packages=(*SYSTEM, *WIRELESS, *PYTHON_PACKAGES, "linux-image-arm64"),
        boot_packages=("raspi-firmware", "u-boot-rpi"),
    ),
    # The kernel and the camera's libraries are Raspberry Pi's own; the address of their archive is given, never known.
    "rpios": Profile(
        name="rpios",
        packages=(*SYSTEM, *WIRELESS, *PYTHON_PACKAGES, "linux-image-rpi-v8", "python3-picamera2"),
        boot_packages=("raspi-firmware", "u-boot-rpi"),
        needs_sources=True,
    ),
}

"""Control groups as kernels and engines show them; the paths are moved below a temporary folder."""

import pytest

from app.cgroups import cpu_quota, memory_limit

V2 = "30 23 0:26 {root} {point} rw,nosuid,nodev,noexec,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate"
V1 = "101 100 0:29 {root} {point} ro,nosuid,nodev,noexec,relatime - cgroup cgroup rw,cpu,cpuacct"
V1_MEMORY = "104 100 0:32 {root} {point} ro,nosuid - cgroup cgroup rw,memory"
OTHER = "22 28 0:20 / /sys rw,nosuid,nodev,noexec,relatime shared:7 - sysfs sysfs rw"


@pytest.fixture
def machine(tmp_path):
    """Makes a /proc and the groups that it tells of, and returns what is read from them."""

    def make(groups, mounts, limits, read=cpu_quota):
        proc = tmp_path / "proc"
        proc.mkdir()
        (proc / "cgroup").write_text("".join(f"{line}\n" for line in groups))
        lines = [OTHER, *(line.format(root=root, point=f"{tmp_path}{point}") for line, root, point in mounts)]
        (proc / "mountinfo").write_text("".join(f"{line}\n" for line in lines).replace(" ROOM", r"\040ROOM"))
        for file, content in limits.items():
            path = tmp_path / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{content}\n")
        return read(proc)

    return make


def v1(folder, quota, period=100_000):
    return {f"{folder}/cpu.cfs_quota_us": quota, f"{folder}/cpu.cfs_period_us": period}


@pytest.mark.parametrize(
    ("limit", "quota"),
    [
        ("max 100000", None),
        ("100000 100000", 1.0),
        ("150000 100000", 1.5),
        ("5000 10000", 0.5),
        ("6400000 100000", 64.0),
        ("", None),
        ("nonsense", None),
    ],
)
def test_version_2_in_a_container(machine, limit, quota):
    assert machine(["0::/"], [(V2, "/", "/sys/fs/cgroup")], {"sys/fs/cgroup/cpu.max": limit}) == quota


def test_version_2_counts_the_tightest_group_around(machine):
    limits = {
        "sys/fs/cgroup/kubepods.slice/cpu.max": "400000 100000",
        "sys/fs/cgroup/kubepods.slice/pod1/cpu.max": "250000 100000",
        "sys/fs/cgroup/kubepods.slice/pod1/service/cpu.max": "max 100000",
        "sys/fs/cgroup/kubepods.slice/pod2/cpu.max": "10000 100000",
    }
    assert machine(["0::/kubepods.slice/pod1/service"], [(V2, "/", "/sys/fs/cgroup")], limits) == 2.5


@pytest.mark.parametrize(("quota", "found"), [(-1, None), (100_000, 1.0), (250_000, 2.5), (0, None)])
def test_version_1_in_a_container_without_a_namespace_of_groups(machine, quota, found):
    groups = ["4:memory:/docker/abc", "1:cpu,cpuacct:/docker/abc", "0::/docker/abc"]
    mounts = [(V1_MEMORY, "/docker/abc", "/sys/fs/cgroup/memory"), (V1, "/docker/abc", "/sys/fs/cgroup/cpu")]
    assert machine(groups, mounts, v1("sys/fs/cgroup/cpu", quota)) == found


def test_version_1_nested_on_the_host(machine):
    limits = {
        **v1("sys/fs/cgroup/cpu", -1),
        **v1("sys/fs/cgroup/cpu/outer", 300_000),
        **v1("sys/fs/cgroup/cpu/outer/inner", 80_000, 20_000),
    }
    assert machine(["3:cpu:/outer/inner"], [(V1, "/", "/sys/fs/cgroup/cpu")], limits) == 3.0


def test_both_versions_at_once(machine):
    groups, mounts = ["1:cpu,cpuacct:/a", "0::/a"], [(V1, "/", "/v1"), (V2, "/", "/v2")]
    assert machine(groups, mounts, {**v1("v1/a", 200_000), "v2/a/cgroup.procs": ""}) == 2.0


@pytest.mark.parametrize("group", ["/../elsewhere", "/not/mounted"])
def test_a_group_outside_of_the_namespace_is_that_which_is_mounted(machine, group):
    mounts = [(V2, "/mounted" if group == "/not/mounted" else "/", "/sys/fs/cgroup")]
    assert machine([f"0::{group}"], mounts, {"sys/fs/cgroup/cpu.max": "200000 100000"}) == 2.0


def test_names_with_colons_and_blanks(machine):
    limits = {"with ROOM/a:b/cpu.max": "100000 100000"}
    assert machine(["0::/a:b"], [(V2, "/", "/with ROOM")], limits) == 1.0


@pytest.mark.parametrize("groups", [[], ["nonsense"], ["0::/"]])
def test_without_groups_there_is_no_limit(machine, groups):
    assert machine(groups, [], {}) is None


def test_without_proc_there_is_no_limit(tmp_path):
    assert cpu_quota(tmp_path) is None


@pytest.mark.parametrize(
    ("group", "limits", "found"),
    [
        ("/", {}, None),
        ("/", {"memory.max": "max"}, None),
        ("/", {"memory.max": "600000000"}, 600_000_000),
        ("/a/b", {"a/memory.max": "500", "a/b/memory.max": "900"}, 500),
        ("/../outside", {"memory.max": "700"}, 700),
        ("/", {"memory.max": "nonsense"}, None),
    ],
)
def test_memory_of_version_2(machine, group, limits, found):
    files = {f"sys/fs/cgroup/{name}": limit for name, limit in limits.items()}
    assert machine([f"0::{group}"], [(V2, "/", "/sys/fs/cgroup")], files, memory_limit) == found


@pytest.mark.parametrize(("point", "root"), [("/sys/fs/cgroup/memory", "/docker/1"), ("/elsewhere", "/docker")])
def test_memory_of_version_1_wherever_it_is_mounted(machine, point, root):
    groups = ["4:cpu:/docker/1", "3:memory:/docker/1"]
    inside = "" if root == "/docker/1" else "/1"
    files = {f"{point[1:]}{inside}/memory.limit_in_bytes": 300, "sys/fs/cgroup/cpu/cpu.cfs_quota_us": 1}
    assert machine(groups, [(V1, "/", "/sys/fs/cgroup/cpu"), (V1_MEMORY, root, point)], files, memory_limit) == 300

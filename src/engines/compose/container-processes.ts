/**
 * The processes of a container, seen from the host. In: its id and the pid that the daemon calls its first. Out: live
 * pids whenever asked, cheap enough for every sample; nothing where the daemon's processes are not this kernel's.
 */
import { readFileSync } from 'node:fs'
import { livePids } from '../../kit/process-table.ts'

export interface ContainerProcesses {
  pids(): readonly number[]
}

/** null where they cannot be seen: Docker Desktop's virtual machine, a daemon on another host. */
export function processesOf(containerId: string, firstPid: number): ContainerProcesses | null {
  const membership = readOrNull(`/proc/${String(firstPid)}/cgroup`)
  // A pid of another kernel may well exist here; then it is somebody else's.
  if (membership?.includes(containerId) !== true) return null
  const files = procsFiles(membership, containerId)
  const file = files.find((one) => pidsIn(one).includes(firstPid))
  return file === undefined ? { pids: () => livePids(firstPid) } : { pids: () => pidsIn(file) }
}

/**
 * Lines of /proc/<pid>/cgroup: `0::/path` is the one hierarchy of version 2, `4:memory:/path` a controller's of
 * version 1 (cgroups(7)).
 */
export function procsFiles(membership: string, containerId: string): readonly string[] {
  return membership.split('\n').flatMap((line) => {
    const [, controllers, ...rest] = line.split(':')
    const path = rest.join(':')
    if (controllers === undefined || !path.includes(containerId)) return []
    const mounts = controllers === '' ? ['', '/unified'] : [`/${controllers}`]
    return mounts.map((mount) => `/sys/fs/cgroup${mount}${path}/cgroup.procs`)
  })
}

function pidsIn(file: string): readonly number[] {
  return (readOrNull(file) ?? '')
    .split('\n')
    .filter((line) => line !== '')
    .map(Number)
}

function readOrNull(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return null
  }
}

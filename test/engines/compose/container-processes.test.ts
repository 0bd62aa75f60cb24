import { describe, expect, it } from 'vitest'
import { processesOf, procsFiles } from '../../../src/engines/compose/container-processes.ts'

const ID = 'ab12'.repeat(16)

describe('the processes of a container', () => {
  it('are listed where cgroup version 2 has them', () => {
    expect(procsFiles(`0::/system.slice/docker-${ID}.scope\n`, ID)).toEqual([
      `/sys/fs/cgroup/system.slice/docker-${ID}.scope/cgroup.procs`,
      `/sys/fs/cgroup/unified/system.slice/docker-${ID}.scope/cgroup.procs`,
    ])
  })

  it('are listed under each controller of version 1', () => {
    const membership = `4:memory:/docker/${ID}\n2:cpu,cpuacct:/docker/${ID}\n1:name=systemd:/\n`
    expect(procsFiles(membership, ID)).toEqual([
      `/sys/fs/cgroup/memory/docker/${ID}/cgroup.procs`,
      `/sys/fs/cgroup/cpu,cpuacct/docker/${ID}/cgroup.procs`,
    ])
  })

  it('are never those of a process that merely has the same number here', () => {
    // A daemon on another kernel says "pid 1", or our own: neither is in a container of that name.
    expect(processesOf(ID, process.pid)).toBeNull()
    expect(processesOf(ID, 2 ** 22 + 1)).toBeNull()
  })
})

/**
 * What carries the harness's traffic into containers: Docker's proxy of a published port is a process on this machine.
 * In: addresses of containers. Out: a part, so that its processor time is told apart from that of strangers. Where the
 * kernel forwards instead (userland-proxy: false, or another system than Linux) there is none.
 */
import { readFileSync, readdirSync } from 'node:fs'
import type { Part } from '../../architecture/part.ts'
import { rowOf } from '../../kit/process-table.ts'

export class PortProxies implements Part {
  readonly name = 'docker-proxy'
  readonly kind = 'harness'
  readonly #containerIps = new Set<string>()
  #pids: readonly number[] = []

  /** A container was started: its proxies are new ones. */
  serve(containerIp: string): void {
    this.#containerIps.add(containerIp)
    this.#pids = processes().filter((pid) => {
      const args = argumentsOf(pid)
      const ip = args[args.indexOf('-container-ip') + 1] ?? ''
      return args[0]?.endsWith('docker-proxy') === true && this.#containerIps.has(ip)
    })
  }

  pids(): readonly number[] {
    return this.#pids.filter((pid) => rowOf(pid)?.zombie === false)
  }

  fault(): Promise<void> {
    return Promise.reject(new Error('the proxies of published ports are Docker’s own'))
  }
}

function processes(): readonly number[] {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
  } catch {
    // No Linux: whatever carries the traffic runs in a virtual machine.
    return []
  }
}

function argumentsOf(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${String(pid)}/cmdline`, 'utf8').split('\0')
  } catch {
    // It has ended since.
    return []
  }
}

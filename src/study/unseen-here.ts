/**
 * What answers on this machine without its processes being seen. In: a target that is up. Out: names; their CPU counts as
 * foreign, so that foreign CPU may be the work of what is measured.
 */
import { isLoopback } from '../engines/dsn.ts'
import type { EngineAddress, EngineKind } from '../engines/engine.ts'
import type { RunningTarget } from '../target/up.ts'

export function unseenHere({
  target,
  running,
  engines,
}: Pick<RunningTarget, 'target' | 'running' | 'engines'>): readonly string[] {
  const servers = engines
    .map(({ engine }) => engine)
    .filter(({ provider, parts }) => provider === 'external' && parts.length === 0)
    .filter((engine) => isLoopback(hostOf(engine.addressFor('harness'))))
    .map((engine) => engine.name)
  if (target.kind !== 'service' || !isLoopback(hostnameOf(target.url))) return servers
  return [
    ...(running.parts.length === 0 ? ['the service'] : []),
    // Where a service keeps its events on its own machine, it does so on this one.
    ...(engines.length === 0 ? ['its servers'] : servers),
  ]
}

function hostOf(address: EngineAddress[EngineKind]): string {
  return 'url' in address ? hostnameOf(address.url) : address.host
}

/** Without the brackets of an IPv6 address. */
function hostnameOf(url: string): string {
  return new URL(url).hostname.replace(/^\[(.*)\]$/, '$1')
}

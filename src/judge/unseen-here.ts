/**
 * What may be behind foreign CPU. In: a round. Out: names of what answered on the machine of the run without its processes
 * being seen. Pure.
 */
import type { Round } from './evidence.ts'
import { isElsewhere } from './own-service.ts'

/** Records of before this was kept tell it of a service by its target. */
export function unseenHere({ measured, run }: Round): readonly string[] {
  const { target } = run
  // A part that cannot be read is as unseen as one that was never named.
  const unread = measured.unseenCpu ?? []
  if (measured.unseenHere !== undefined) return [...measured.unseenHere, ...unread]
  return target.kind === 'service' && target.process === undefined && !isElsewhere(target)
    ? ['the service', ...unread]
    : unread
}

/** Faults of a part that is one local process with its children. In: the process and a fault. Out: it is done. */
import type { PartFault } from '../architecture/part.ts'
import type { Daemon } from '../kit/process.ts'

interface Faulted {
  readonly name: string
  /** null: never started. */
  readonly daemon: Daemon | null
  /** Starts it anew; the old process is gone by then. */
  readonly restart: () => Promise<void>
}

/** @throws Error for a part that was never started; what `restart` throws */
export async function faultDaemon(
  { name, daemon, restart }: Faulted,
  fault: PartFault,
): Promise<void> {
  if (daemon === null) throw new Error(`${name} was never started`)
  switch (fault) {
    case 'kill':
      await daemon.kill()
      return
    case 'freeze':
      daemon.freeze()
      return
    case 'thaw':
      daemon.thaw()
      return
    case 'restart':
      await daemon.kill()
      await restart()
      return
  }
}

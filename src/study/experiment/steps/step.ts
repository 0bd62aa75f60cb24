/** One step of an arm, done. In: the step and the arm it belongs to. Out: its figures, kept with the arm. */
import type { Step } from '../../../scenario/experiment-step.ts'
import type { ArmContext } from '../arm-context.ts'
import { runClients } from './clients.ts'
import { crash, loseUnderLoad, wait } from './disturb.ts'
import { explain } from './explain.ts'
import { runCopy, runSql } from './load.ts'
import { lookQuery, lookRefused, lookSizes } from './look.ts'

export async function runStep(arm: ArmContext, step: Step): Promise<void> {
  arm.signal.throwIfAborted()
  switch (step.do) {
    case 'sql':
      await runSql(arm, step)
      return
    case 'copy':
      await runCopy(arm, step)
      return
    case 'clients':
      await runClients(arm, step)
      return
    case 'sizes':
      await lookSizes(arm, step)
      return
    case 'query':
      await lookQuery(arm, step)
      return
    case 'explain':
      await explain(arm, step)
      return
    case 'refused':
      await lookRefused(arm, step)
      return
    case 'checkpoint':
      await arm.engine.control.checkpoint(arm.signal)
      return
    case 'crash':
      await crash(arm, step)
      return
    case 'loss':
      await loseUnderLoad(arm, step)
      return
    case 'wait':
      await wait(arm, step)
      return
  }
}

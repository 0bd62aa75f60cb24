import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { packageRoot } from '../../src/kit/paths.ts'
import { loadTarget } from '../../src/target/load.ts'
import { factsBefore } from '../../src/target/up.ts'

const folder = join(packageRoot, 'targets', 'variants')
const files = readdirSync(folder).filter((name) => name.endsWith('.yaml'))

describe('targets/variants', () => {
  it.each(files)(
    '%s is a target whose settings its architecture takes, under its own name',
    (file) => {
      const target = loadTarget(join(folder, file))
      expect(`${target.name}.yaml`).toBe(file)
      expect(target.description).not.toBe('')
      expect(factsBefore(target).promises.stores.length).toBeGreaterThan(0)
    },
  )
})

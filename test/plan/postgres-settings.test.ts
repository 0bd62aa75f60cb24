import { describe, expect, it } from 'vitest'
import {
  checkpointSettings,
  maxConnections,
  naptimeS,
  settingNumber,
  slotKeepBytes,
  vacuumSettings,
} from '../../src/plan/postgres-settings.ts'

describe('settings as SHOW prints them', () => {
  it('are read in bytes and seconds', () => {
    expect(settingNumber('64MB')).toBe(67_108_864)
    expect(settingNumber('30min')).toBe(1_800)
    expect(settingNumber('200ms')).toBe(0.2)
    expect(settingNumber('0.9')).toBe(0.9)
    expect(settingNumber('-1')).toBe(-1)
    expect(settingNumber('on')).toBeNull()
    expect(settingNumber('5 parsecs')).toBeNull()
  })

  it('not listed are the default of that version', () => {
    const newest = { version: '18.4', settings: {} }
    const old = { version: '13.2', settings: {} }
    expect(checkpointSettings(newest)).toEqual({
      maxWalBytes: 2 ** 30,
      completionTarget: 0.9,
      timeoutS: 300,
      segmentBytes: 2 ** 24,
    })
    expect(checkpointSettings(old).completionTarget).toBe(0.5)
    expect(vacuumSettings(newest).maxThresholdRows).toBe(100e6)
    expect(vacuumSettings(old).maxThresholdRows).toBeNull()
    expect([naptimeS(newest), maxConnections(newest), slotKeepBytes(newest)]).toEqual([
      60,
      100,
      null,
    ])
  })

  it('listed are taken, and -1 lifts a limit', () => {
    const server = {
      version: '18.4',
      settings: {
        autovacuum_vacuum_max_threshold: '-1',
        autovacuum_naptime: '30s',
        max_slot_wal_keep_size: '2GB',
        checkpoint_timeout: '30min',
      },
    }
    expect(vacuumSettings(server).maxThresholdRows).toBeNull()
    expect(naptimeS(server)).toBe(30)
    expect(slotKeepBytes(server)).toBe(2 ** 31)
    expect(checkpointSettings(server).timeoutS).toBe(1_800)
  })
})

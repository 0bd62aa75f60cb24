import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  mountSource,
  parseDiskWriteBytes,
  parseKiB,
  parseMachineStat,
  parsePressureUs,
  parseProcessStat,
} from '../../src/collect/procfs.ts'
import { parsePsRows, parsePsTime } from '../../src/collect/ps.ts'

describe('/proc', () => {
  it('is read field by field, whatever a process calls itself', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 15 }), (name) => {
        const text = `4242 (${name}) S 17 4242 4242 0 -1 4194560 1 2 3 4 150 50 900 100 20 0 11 0 87654 1 2`
        expect(parseProcessStat(text)).toEqual({
          pid: 4242,
          ppid: 17,
          startTicks: 87_654,
          ownS: 2,
          childrenS: 10,
        })
      }),
    )
  })

  it('has no answer for a process that is gone', () => {
    expect(parseProcessStat('')).toBeNull()
    expect(parseProcessStat('4242 (x) S 17')).toBeNull()
  })

  it('tells what processes did from interrupts, waiting and steal', () => {
    const text = [
      'cpu  1000 200 300 4000 500 60 40 700 999 99',
      'cpu0 500 100 150 2000 250 30 20 350 0 0',
      'cpu1 500 100 150 2000 250 30 20 350 0 0',
      'intr 12345',
    ].join('\n')
    expect(parseMachineStat(text)).toEqual({
      processS: 15,
      interruptS: 1,
      idleS: 40,
      iowaitS: 5,
      stealS: 7,
      cores: 2,
    })
  })

  it('counts sectors of 512 bytes of the disk that was asked for', () => {
    const text = [
      '   8       0 sda 1 2 3 4 5 6 1000 8 9 10 11',
      ' 254       1 vda1 1 2 3 4 5 6 77 8 9 10 11',
      ' 254       0 vda 59014 10609 3003514 11403 24758 33850 6192744 10529 0 4812 22608',
    ].join('\n')
    expect(parseDiskWriteBytes(text, 'vda')).toBe(6_192_744 * 512)
    expect(parseDiskWriteBytes(text, 'nvme0n1')).toBeNull()
  })

  it('takes the whole time of pressure, and none where the kernel has none', () => {
    const text =
      'some avg10=6.50 avg60=3.25 avg300=1.05 total=10685320\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n'
    expect(parsePressureUs(text)).toBe(10_685_320)
    expect(parsePressureUs('')).toBeNull()
  })

  it('finds the disk behind a mount whose device is anonymous', () => {
    const text = [
      '22 27 0:21 / /proc rw,nosuid - proc proc rw',
      '31 1 0:28 /@home /home rw,relatime shared:3 - btrfs /dev/nvme0n1p2 rw,space_cache',
    ].join('\n')
    expect(mountSource(text, '0:28')).toBe('/dev/nvme0n1p2')
    expect(mountSource(text, '0:99')).toBeNull()
  })

  it('reads memory in kB as bytes', () => {
    expect(parseKiB('Rss:    1776 kB\nPss:     333 kB\nPss_Dirty: 112 kB', 'Pss')).toBe(340_992)
    expect(parseKiB('VmRSS:\t  2048 kB', 'VmRSS')).toBe(2_097_152)
    expect(parseKiB('', 'Pss')).toBeNull()
  })
})

describe('ps', () => {
  it('is read with days, hours and hundredths', () => {
    expect(parsePsTime('1-02:03:04')).toBe(93_784)
    expect(parsePsTime('02:03:04')).toBe(7_384)
    expect(parsePsTime('123:04.56')).toBeCloseTo(7_384.56, 9)
  })

  it('gives a row per process and leaves out what is none', () => {
    expect(parsePsRows('  12     1   0:01.50  2048\nPID PPID TIME RSS\n')).toEqual([
      { pid: 12, ppid: 1, cpuS: 1.5, residentBytes: 2_097_152 },
    ])
  })
})

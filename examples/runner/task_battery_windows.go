package main

import (
	"context"
	"fmt"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"
)

// From batclass.h and winbase.h.
const (
	ioctlBatteryQueryTag         = 0x294040
	ioctlBatteryQueryInformation = 0x294044
	ioctlBatteryQueryStatus      = 0x29404c

	batteryInformation  = 0
	batteryDeviceName   = 4
	batteryManufacturer = 6

	batterySystem      = 0x80000000 // not that of a UPS
	batteryShortTerm   = 0x20000000 // a UPS
	batteryPowerOnLine = 1
	batteryDischarging = 2
	batteryCharging    = 4

	unknownCapacity = 0xffffffff

	presentInterfaces = 0 // CM_GET_DEVICE_INTERFACE_LIST_PRESENT
)

var guidBattery = windows.GUID{Data1: 0x72631e54, Data2: 0x78a4, Data3: 0x11d0,
	Data4: [8]byte{0xbc, 0xf7, 0x00, 0xaa, 0x00, 0xb7, 0xb3, 0x2a}}

func readBatteries(context.Context) ([]battery, error) {
	paths, err := windows.CM_Get_Device_Interface_List("", &guidBattery, presentInterfaces)
	if err != nil {
		return readPowerStatus()
	}
	var all []battery
	for _, path := range paths {
		if path == "" {
			continue
		}
		if b, ok := readBattery(path); ok {
			all = append(all, b)
		}
	}
	if len(all) == 0 { // no rights to ask them, perhaps
		return readPowerStatus()
	}
	return all, nil
}

type batteryInfo struct { // BATTERY_INFORMATION
	capabilities                       uint32
	technology                         byte
	reserved                           [3]byte
	chemistry                          [4]byte
	design, full, alert1, alert2, bias uint32
	cycles                             uint32
}

func readBattery(path string) (b battery, ok bool) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return b, false
	}
	h, err := windows.CreateFile(name, windows.GENERIC_READ|windows.GENERIC_WRITE,
		windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE, nil, windows.OPEN_EXISTING, 0, 0)
	if err != nil {
		return b, false
	}
	defer func() { _ = windows.CloseHandle(h) }()
	var wait, tag uint32
	if control(h, ioctlBatteryQueryTag, unsafe.Pointer(&wait), 4, unsafe.Pointer(&tag), 4) != nil || tag == 0 {
		return b, false // an empty bay
	}
	query := struct{ tag, level, rate uint32 }{tag, batteryInformation, 0}
	var info batteryInfo
	if control(h, ioctlBatteryQueryInformation, unsafe.Pointer(&query), unsafe.Sizeof(query),
		unsafe.Pointer(&info), unsafe.Sizeof(info)) != nil {
		return b, false
	}
	if info.capabilities&batterySystem == 0 || info.capabilities&batteryShortTerm != 0 {
		return b, false
	}
	b.full, b.design, b.cycles = float64(info.full), float64(info.design), int(info.cycles)
	b.chemistry = strings.Trim(string(info.chemistry[:]), "\x00 ")
	text := func(level uint32) string {
		query.level = level
		var buffer [128]uint16
		if control(h, ioctlBatteryQueryInformation, unsafe.Pointer(&query), unsafe.Sizeof(query),
			unsafe.Pointer(&buffer), unsafe.Sizeof(buffer)) != nil {
			return ""
		}
		return strings.TrimSpace(windows.UTF16ToString(buffer[:]))
	}
	b.name, b.maker = text(batteryDeviceName), text(batteryManufacturer)
	request := struct{ tag, timeout, state, low, high uint32 }{tag: tag}
	var status struct{ state, capacity, voltage, rate uint32 }
	if control(h, ioctlBatteryQueryStatus, unsafe.Pointer(&request), unsafe.Sizeof(request),
		unsafe.Pointer(&status), unsafe.Sizeof(status)) == nil {
		b.state = batteryState(status.state)
		if status.capacity != unknownCapacity && info.full > 0 {
			b.percent, b.hasPercent = 100*float64(status.capacity)/float64(info.full), true
		}
	}
	return b, true
}

func batteryState(bits uint32) string {
	switch {
	case bits&batteryCharging != 0:
		return "charging"
	case bits&batteryDischarging != 0:
		return "discharging"
	case bits&batteryPowerOnLine != 0:
		return "not charging"
	}
	return ""
}

func control(
	h windows.Handle, code uint32, in unsafe.Pointer, inSize uintptr, out unsafe.Pointer, outSize uintptr,
) error {
	var n uint32
	return windows.DeviceIoControl(h, code, (*byte)(in), uint32(inSize), (*byte)(out), uint32(outSize), &n, nil)
}

var getSystemPowerStatus = windows.NewLazySystemDLL("kernel32.dll").NewProc("GetSystemPowerStatus")

// readPowerStatus reads the sum of all batteries, which says nothing of their wear.
func readPowerStatus() ([]battery, error) {
	var s struct { // SYSTEM_POWER_STATUS
		line, flag, percent, saver byte
		lifetime, fullLifetime     uint32
	}
	if ok, _, err := getSystemPowerStatus.Call(uintptr(unsafe.Pointer(&s))); ok == 0 {
		return nil, fmt.Errorf("GetSystemPowerStatus: %w", err)
	}
	const noBattery, unknown, charging = 128, 255, 8
	if s.flag&noBattery != 0 || s.flag == unknown { // unknown has all bits
		return nil, nil
	}
	b := battery{name: "all", percent: float64(s.percent), hasPercent: s.percent != unknown, state: "discharging"}
	switch {
	case s.flag&charging != 0:
		b.state = "charging"
	case s.line == 1:
		b.state = "not charging"
	}
	return []battery{b}, nil
}

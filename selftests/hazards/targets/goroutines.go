// SPDX-License-Identifier: GPL-2.0-only

// Goroutines that move between threads, stacks that grow and are copied, panics that are
// recovered and not. The protocol is that of hazard.h.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

type counter struct {
	name           string
	calls, returns atomic.Uint64
}

var counters [6]counter

func init() {
	for i, name := range []string{"main.hzWork", "main.hzGrow", "main.hzPanics", "main.hzRecovers", "main.hzYields", "main.hzSends"} {
		counters[i].name = name
	}
}

func mix(x uint64) uint64 { return (x^(x>>7))*2654435761 + 1 }

//go:noinline
func hzWork(x uint64) uint64 {
	counters[0].calls.Add(1)
	x = mix(x)
	counters[0].returns.Add(1)
	return x
}

// Each level needs a kilobyte: the stack is copied again and again.
//
//go:noinline
func hzGrow(depth int, x uint64) uint64 {
	counters[1].calls.Add(1)
	var room [128]uint64
	room[depth%128] = hzWork(x)
	if depth > 0 {
		room[(depth+1)%128] = hzGrow(depth-1, x+1)
	}
	var sum uint64
	for _, v := range room {
		sum = sum*3 + v
	}
	counters[1].returns.Add(1)
	return sum
}

//go:noinline
func hzPanics(x uint64) uint64 {
	counters[2].calls.Add(1)
	if x%2 == 1 {
		panic("odd " + strconv.FormatUint(x, 10))
	}
	var v []uint64
	if x%4 == 2 {
		v = append(v, v[x])
	}
	counters[2].returns.Add(1)
	return x
}

//go:noinline
func hzRecovers(x uint64) (r uint64) {
	counters[3].calls.Add(1)
	defer func() {
		if e := recover(); e != nil {
			r = hzWork(uint64(len(fmt.Sprint(e))))
		}
		counters[3].returns.Add(1)
	}()
	return hzPanics(x)
}

//go:noinline
func hzYields(x uint64) uint64 {
	counters[4].calls.Add(1)
	for i := 0; i < 3; i++ {
		runtime.Gosched()
		x = hzWork(x)
	}
	counters[4].returns.Add(1)
	return x
}

//go:noinline
func hzSends(c chan uint64, x uint64) {
	counters[5].calls.Add(1)
	c <- hzYields(x)
	counters[5].returns.Add(1)
}

func goroutines(n uint64) (sum uint64) {
	var wg sync.WaitGroup
	c := make(chan uint64)
	for i := uint64(0); i < n; i++ {
		wg.Add(1)
		go func(i uint64) {
			defer wg.Done()
			if i%3 == 0 {
				runtime.LockOSThread()
			}
			hzSends(c, hzGrow(int(i%40), i))
		}(i)
	}
	go func() {
		wg.Wait()
		close(c)
	}()
	for v := range c {
		sum += v
	}
	return sum
}

func answer(line string) {
	name, number, _ := strings.Cut(line, " ")
	n, _ := strconv.ParseUint(number, 10, 64)
	var sum uint64
	switch name {
	case "grow":
		for i := uint64(0); i < n; i++ {
			done := make(chan uint64)
			go func() { done <- hzGrow(300, i) }()
			sum += <-done
		}
	case "recover":
		for i := uint64(0); i < n; i++ {
			sum = sum*3 + hzRecovers(i)
		}
	case "go":
		sum = goroutines(n)
	case "collect":
		for i := uint64(0); i < n; i++ {
			sum += goroutines(10)
			runtime.GC()
		}
	case "c":
		sum = overC(n)
	case "uncaught":
		hzPanics(n | 1)
	case "exit":
		os.Exit(int(hzWork(n) & 63))
	default:
		os.Exit(99)
	}
	var said []string
	for i := range counters {
		if calls := counters[i].calls.Load(); calls > 0 {
			said = append(said, fmt.Sprintf("%q:[%d,%d]", counters[i].name, calls, counters[i].returns.Load()))
		}
	}
	fmt.Printf("{\"case\":%q,\"result\":%d,\"calls\":{%s}}\n", line, sum, strings.Join(said, ","))
}

func main() {
	if len(os.Args) > 1 {
		for _, a := range os.Args[1:] {
			answer(a)
		}
		os.Exit(3)
	}
	fmt.Printf("ready %d\n", os.Getpid())
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		answer(in.Text())
	}
	os.Exit(3)
}

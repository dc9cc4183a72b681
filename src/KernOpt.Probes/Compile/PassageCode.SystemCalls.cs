using System.Collections.Immutable;
using Iced.Intel;
using KernOpt.Probes.Language;
using static Iced.Intel.AssemblerRegisters;

namespace KernOpt.Probes.Compile;

/// <summary>
/// System calls made by the passage itself, where that is allowed. All that the kernel and we overwrite is pushed before, whatever it holds: beside the call it costs nothing. The stack pointer is
/// below the red zone.
/// </summary>
internal sealed partial class PassageCode
{
    private const int ClockGetTime = 228, ReadOwnMemory = 310, ThreadCpuClock = 3;
    private const int NanosecondsPerSecond = 1_000_000_000;

    /// <summary>What system calls take and overwrite (syscall: rcx and r11).</summary>
    private static readonly ImmutableArray<AssemblerRegister64> Pushed = [rax, rcx, rdx, rsi, rdi, r8, r9, r10, r11];

    /// <summary>Where to go when a checked read finds nothing.</summary>
    public Label Unreadable { get; set; }

    /// <summary>Reads that are not proved are made by a system call; otherwise there are none.</summary>
    public required bool MakesSystemCalls { get; init; }

    /// <summary>See <see cref="ReadProof"/>.</summary>
    public required bool ProgramMayRecover { get; init; }

    /// <summary>CPU time of the thread in ns.</summary>
    public void ReadCpuTime(AssemblerRegister64 result) => Around(result, () =>
    {
        code.lea(rsp, __[rsp - 16]);
        code.mov(edi, ThreadCpuClock);
        code.mov(rsi, rsp);
        code.mov(eax, ClockGetTime);
        code.syscall();
        code.imul(rax, __qword_ptr[rsp], NanosecondsPerSecond);
        code.add(rax, __qword_ptr[rsp + 8]);
        code.lea(rsp, __[rsp + 16]);
    });

    /// <summary>A millisecond asleep where system calls are allowed, and a moment otherwise.</summary>
    public void WaitALittle()
    {
        const int nanosleep = 35, nanoseconds = 1_000_000;
        if (!MakesSystemCalls)
        {
            code.pause();
            return;
        }
        Around(null, () =>
        {
            code.lea(rsp, __[rsp - 16]);
            code.mov(__qword_ptr[rsp], 0);
            code.mov(__qword_ptr[rsp + 8], nanoseconds);
            code.mov(rdi, rsp);
            code.mov(esi, 0);
            code.mov(eax, nanosleep);
            code.syscall();
            code.lea(rsp, __[rsp + 16]);
        });
    }

    private void Ask(AssemblerRegister64 result, SystemCallValue value) => Around(result, () =>
    {
        code.mov(eax, value.Number);
        code.syscall();
        code.mov(eax, eax);
    });

    /// <summary>
    /// The kernel copies, and answers EFAULT where a load would fault: process_vm_readv(2) of the process itself, which getpid names also in a forked child. The address is in the register, the value
    /// comes there, extended by zeros.
    /// <code>
    ///     [rsp]: value ; where it goes: address, bytes ; where it is: address, bytes
    /// </code>
    /// </summary>
    private void ReadChecked(AssemblerRegister64 result, int bytes)
    {
        const int local = 8, remote = 24, all = 40, getPid = SystemCallValue.GetPid;
        Around(result, () =>
        {
            code.lea(rsp, __[rsp - all]);
            code.mov(__qword_ptr[rsp + remote], result);
            code.mov(__qword_ptr[rsp + (remote + 8)], bytes);
            code.mov(__qword_ptr[rsp + (local + 8)], bytes);
            code.mov(__qword_ptr[rsp + local], rsp);
            code.mov(__qword_ptr[rsp], 0);
            code.mov(eax, getPid);
            code.syscall();
            code.mov(edi, eax);
            code.lea(rsi, __[rsp + local]);
            code.mov(edx, 1);
            code.lea(r10, __[rsp + remote]);
            code.mov(r8d, 1);
            code.mov(r9d, 0);
            code.mov(eax, ReadOwnMemory);
            code.syscall();
            code.cmp(rax, bytes);
            code.mov(rax, __qword_ptr[rsp]);
            code.lea(rsp, __[rsp + all]);
        });
        code.jne(Unreadable);
    }

    /// <summary>The result is what the body leaves in rax, null for none; its flags stay, too.</summary>
    private void Around(AssemblerRegister64? result, Action body)
    {
        foreach (var register in Pushed) code.push(register);
        body();
        var index = result is { } wanted ? Pushed.IndexOf(wanted) : -1;
        if (result is { } other && index < 0) code.mov(other, rax);
        if (index >= 0) code.mov(__qword_ptr[rsp + WordBytes * (Pushed.Length - 1 - index)], rax);
        foreach (var register in Pushed.Reverse()) code.pop(register);
    }
}

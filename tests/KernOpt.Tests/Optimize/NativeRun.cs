using System.Runtime.InteropServices;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace KernOpt.Tests.Optimize;

/// <summary>The general registers in the processor's order, then rflags.</summary>
internal sealed unsafe class NativeState
{
    public ulong[] Words { get; } = new ulong[17];

    public ulong this[Register register]
    {
        get => Words[register.GetFullRegister() - Register.RAX];
        set => Words[register.GetFullRegister() - Register.RAX] = value;
    }

    public ulong Flags { get => Words[16]; set => Words[16] = value; }
}

/// <summary>The oracle: runs straight-line instructions on this very processor, from a given state of registers and flags to the state after. rsp is not to be touched.</summary>
internal sealed unsafe partial class NativeRun : IDisposable
{
    private const int Room = 1 << 16;
    private readonly byte* page;

    public NativeRun()
    {
        var at = Map(0, Room, prot: 7, flags: 0x22, fd: -1, offset: 0);
        if (at == -1) throw new InvalidOperationException("mmap");
        page = (byte*)at;
    }

    public void Load(IEnumerable<Instruction> code)
    {
        var assembler = new Assembler(64);
        foreach (var saved in CalleeSaved) assembler.push(saved);
        assembler.push(rdi);
        assembler.push(__qword_ptr[rdi + 16 * 8]);
        assembler.popfq();
        foreach (var (register, slot) in Loaded) assembler.mov(register, __[rdi + slot * 8]);
        assembler.mov(rdi, __[rdi + 7 * 8]);
        foreach (var instruction in code) assembler.AddInstruction(instruction);
        assembler.xchg(__[rsp], rdi);
        foreach (var (register, slot) in Loaded) assembler.mov(__[rdi + slot * 8], register);
        assembler.pushfq();
        assembler.pop(__qword_ptr[rdi + 16 * 8]);
        assembler.pop(__qword_ptr[rdi + 7 * 8]);
        foreach (var saved in CalleeSaved.Reverse()) assembler.pop(saved);
        assembler.ret();
        using var bytes = new MemoryStream();
        assembler.Assemble(new StreamCodeWriter(bytes), (ulong)page);
        if (bytes.Length > Room) throw new InvalidOperationException("the sequence is too long");
        bytes.ToArray().CopyTo(new Span<byte>(page, Room));
    }

    public NativeState Run(NativeState from)
    {
        var state = new NativeState();
        from.Words.CopyTo(state.Words, 0);
        fixed (ulong* words = state.Words) ((delegate* unmanaged<ulong*, void>)page)(words);
        return state;
    }

    public void Dispose() => _ = Unmap((nint)page, Room);

    private static readonly AssemblerRegister64[] CalleeSaved = [rbx, rbp, r12, r13, r14, r15];

    // All but rsp (4) and rdi (7), which holds the state.
    private static readonly (AssemblerRegister64 Register, int Slot)[] Loaded =
    [
        (rax, 0), (rcx, 1), (rdx, 2), (rbx, 3), (rbp, 5), (rsi, 6), (r8, 8), (r9, 9), (r10, 10), (r11, 11), (r12, 12), (r13, 13), (r14, 14), (r15, 15),
    ];

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial nint Map(nint at, nint length, int prot, int flags, int fd, nint offset);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(nint at, nint length);
}

using System.Buffers.Binary;
using Iced.Intel;
using KernOpt.Linux.Native;
using KernOpt.Linux.Threads;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Linux;

/// <summary>The stub as a disassembler reads it: it must restore every register that a system call may change, and touch nothing else.</summary>
public sealed class CallStubTests
{
    private static readonly Registers GoOn = new()
    {
        Rax = 0x1111_2222_3333_4444, Rcx = 2, Rdx = 3, Rsi = 4, Rdi = 5, R8 = 6, R9 = 7, R10 = 8, R11 = 0x246, Rip = 0x7fff_1234_5678, Rsp = 9, Rbx = 10,
    };

    [Fact]
    public void Stub_MakesTheCall_LoadsNineRegisters_AndJumpsBack()
    {
        var stub = CallStub.Build(GoOn);
        var code = Decode(stub);
        Assert.Equal(Iced.Intel.Code.Syscall, code[0].Code);
        var loads = code.Skip(1).Take(9).ToDictionary(i => i.Op0Register, i => i.Immediate64);
        Assert.Equal(GoOn.Rax, loads[Register.RAX]);
        Assert.Equal([2UL, 3, 4, 5, 6, 7, 8, 0x246], new[] { Register.RCX, Register.RDX, Register.RSI, Register.RDI, Register.R8, Register.R9, Register.R10, Register.R11 }.Select(r => loads[r]));
        Assert.Equal(Iced.Intel.Code.Jmp_rm64, code[10].Code);
        Assert.Equal(GoOn.Rip, BinaryPrimitives.ReadUInt64LittleEndian(stub.AsSpan((int)code[10].IPRelativeMemoryAddress)));
        Assert.True(code[10].IPRelativeMemoryAddress + 8 <= CallStub.RoomNameOffset, "the way back lies under the name");
    }

    [Fact]
    public void Stub_UsesNoStackAndNoFlags()
    {
        var information = new InstructionInfoFactory();
        foreach (var instruction in Decode(CallStub.Build(GoOn)).Skip(1).Take(10))
        {
            Assert.Equal(RflagsBits.None, instruction.RflagsModified);
            Assert.DoesNotContain(information.GetInfo(instruction).GetUsedRegisters(), r => r.Register == Register.RSP);
        }
    }

    [Fact]
    public void Stub_HasItsMagicAndName_AndNothingElseBeforeItIsUsed()
    {
        var empty = CallStub.Empty();
        Assert.Equal(CallStub.Size, empty.Length);
        Assert.True(empty.AsSpan().StartsWith(CallStub.Magic));
        Assert.True(empty.AsSpan(CallStub.NameOffset).StartsWith("kernopt\0"u8));
        Assert.True(empty.AsSpan(CallStub.StonesNameOffset).StartsWith("kernopt-stones\0"u8));
        Assert.True(empty.AsSpan(CallStub.RoomNameOffset).StartsWith("kernopt-calls\0"u8));
        Assert.False(empty.AsSpan(CallStub.CodeOffset, CallStub.RoomNameOffset - CallStub.CodeOffset).ContainsAnyExcept((byte)0));
    }

    [Fact]
    public void Entry_KeepsTheStack_AndTellsTheKernelToRestartNothing()
    {
        var entry = CallStub.Entry(GoOn with { OriginalRax = 7 }, new Address(0x5000), new(CallNumber.mmap, 1, 2, 3, 4, 5, 6));
        Assert.Equal(ulong.MaxValue, entry.OriginalRax);
        Assert.Equal(0x5000UL + CallStub.CodeOffset, entry.Rip);
        Assert.Equal((9UL, 1UL, 2UL, 3UL, 4UL, 5UL, 6UL), (entry.Rax, entry.Rdi, entry.Rsi, entry.Rdx, entry.R10, entry.R8, entry.R9));
        Assert.Equal((GoOn.Rsp, GoOn.Rbx), (entry.Rsp, entry.Rbx));
    }

    private static List<Instruction> Decode(byte[] stub)
    {
        var decoder = Decoder.Create(64, stub.AsSpan(CallStub.CodeOffset).ToArray(), CallStub.CodeOffset);
        return [.. Enumerable.Range(0, 11).Select(_ => decoder.Decode())];
    }
}

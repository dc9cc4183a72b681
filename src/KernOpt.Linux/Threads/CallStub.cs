using System.Buffers.Binary;
using KernOpt.Linux.Native;
using KernOpt.Target;

namespace KernOpt.Linux.Threads;

/// <summary>One system call with its arguments in the order of the calling convention (rdi, rsi, rdx, r10, r8, r9).</summary>
internal readonly record struct RemoteArguments(CallNumber Number, ulong A = 0, ulong B = 0, ulong C = 0, ulong D = 0, ulong E = 0, ulong F = 0);

/// <summary>
/// The code that a borrowed thread runs. It is complete in itself: when the tracer dies, the thread makes the call and goes on where it was.
///     (16 bytes: magic)
///     syscall
///     mov rax, …   mov rcx, …   mov rdx, …   mov rsi, …   mov rdi, …   mov r8, …   mov r9, …   mov r10, …   mov r11, …
///     jmp [rip+0]
///     (8 bytes: where the thread goes on)   (the names that memfd_create is given)
/// The call and mov change no flags, the other registers and the stack are not touched, and the red zone is kept.
/// </summary>
internal static class CallStub
{
    /// <summary>Bytes that a stub needs, with its magic.</summary>
    public const int Size = 176;

    public const int CodeOffset = 16;

    /// <summary>Marks a stub, so that a later run finds what a killed one left.</summary>
    public static ReadOnlySpan<byte> Magic => "KernOpt\0stub\0\x01\xfe\xca"u8[..16];

    /// <summary>The names of our memory files, as bytes at <see cref="NameOffset"/>, <see cref="StonesNameOffset"/> and <see cref="RoomNameOffset"/>, with a zero behind.</summary>
    public const string RegionName = "kernopt", StonesName = "kernopt-stones", RoomName = "kernopt-calls";

    public const int NameOffset = Size - 16, StonesNameOffset = NameOffset - 16, RoomNameOffset = StonesNameOffset - 16;

    /// <summary>Bytes of what <see cref="WriteWayOn"/> writes.</summary>
    public const int WayOnBytes = (9 * 10) + 6 + 8;

    private static readonly (byte Rex, byte Opcode)[] Loads =
        [(0x48, 0xb8), (0x48, 0xb9), (0x48, 0xba), (0x48, 0xbe), (0x48, 0xbf), (0x49, 0xb8), (0x49, 0xb9), (0x49, 0xba), (0x49, 0xbb)];

    /// <summary>The bytes of a stub after which the thread goes on with these registers.</summary>
    public static byte[] Build(in Registers goOn)
    {
        var bytes = Empty();
        bytes[CodeOffset] = 0x0f;
        bytes[CodeOffset + 1] = 0x05;
        WriteWayOn(bytes.AsSpan(CodeOffset + 2), goOn);
        return bytes;
    }

    /// <summary>Code after which a thread goes on with these registers, those that a call and its arguments change: they are loaded, and it jumps.</summary>
    public static void WriteWayOn(Span<byte> into, in Registers goOn)
    {
        var at = WriteLoads(into, Loads, [goOn.Rax, goOn.Rcx, goOn.Rdx, goOn.Rsi, goOn.Rdi, goOn.R8, goOn.R9, goOn.R10, goOn.R11]);
        ReadOnlySpan<byte> jump = [0xff, 0x25, 0, 0, 0, 0];
        jump.CopyTo(into[at..]);
        BinaryPrimitives.WriteUInt64LittleEndian(into[(at + jump.Length)..], goOn.Rip);
    }

    /// <summary>`mov reg, imm64` for each of the values; answers how many bytes.</summary>
    public static int WriteLoads(Span<byte> into, ReadOnlySpan<(byte Rex, byte Opcode)> loads, ReadOnlySpan<ulong> values)
    {
        var at = 0;
        for (var i = 0; i < loads.Length; i++)
        {
            into[at++] = loads[i].Rex;
            into[at++] = loads[i].Opcode;
            BinaryPrimitives.WriteUInt64LittleEndian(into[at..], values[i]);
            at += 8;
        }
        return at;
    }

    /// <summary>The magic and the names only: what is written before a thread is stopped, so that the page is already the target's own.</summary>
    public static byte[] Empty()
    {
        var bytes = new byte[Size];
        Magic.CopyTo(bytes);
        System.Text.Encoding.ASCII.GetBytes(RegionName, bytes.AsSpan(NameOffset));
        System.Text.Encoding.ASCII.GetBytes(StonesName, bytes.AsSpan(StonesNameOffset));
        System.Text.Encoding.ASCII.GetBytes(RoomName, bytes.AsSpan(RoomNameOffset));
        return bytes;
    }

    /// <summary>The registers with which a stopped thread enters the stub. OriginalRax is -1 so that the kernel restarts nothing.</summary>
    public static Registers Entry(in Registers stopped, Address stub, RemoteArguments call) => stopped with
    {
        Rip = (stub + CodeOffset).Value,
        Rax = (ulong)call.Number,
        OriginalRax = ulong.MaxValue,
        Rdi = call.A,
        Rsi = call.B,
        Rdx = call.C,
        R10 = call.D,
        R8 = call.E,
        R9 = call.F,
    };
}

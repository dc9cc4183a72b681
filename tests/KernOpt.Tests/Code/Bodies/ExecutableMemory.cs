using System.Runtime.InteropServices;
using KernOpt.Target;

namespace KernOpt.Tests.Code.Bodies;

/// <summary>A piece of a program's <see cref="NativeProgram.Room"/>: written once, then executable.</summary>
internal sealed unsafe partial class ExecutableMemory
{
    private const int ReadWrite = 3, ReadExecute = 5;
    private readonly int length;

    /// <summary>Pieces are taken in a ring: one stays valid until the room has been given out once more.</summary>
    public ExecutableMemory(NativeProgram program, int bytes)
    {
        length = (bytes + 4095) & ~4095;
        At = program.TakeRoom(length);
        Protect(ReadWrite);
        new Span<byte>((void*)At.Value, length).Clear();
    }

    public Address At { get; }

    /// <summary>Writes the bytes to the start; from now on they can be executed and no longer be written.</summary>
    public void Fill(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(new Span<byte>((void*)At.Value, length));
        Protect(ReadExecute);
    }

    private void Protect(int protection)
    {
        if (ProtectMemory((void*)At.Value, (nuint)length, protection) != 0) throw new InvalidOperationException("mprotect failed");
    }

    [LibraryImport("libc", EntryPoint = "mprotect")]
    private static partial int ProtectMemory(void* at, nuint length, int protection);
}

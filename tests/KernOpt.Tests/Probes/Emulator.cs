using System.Runtime.InteropServices;

namespace KernOpt.Tests.Probes;

/// <summary>General registers by their number (rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8 … r15), and the flags.</summary>
public sealed class MachineState
{
    public const int Rsp = 4;

    public ulong[] General { get; init; } = new ulong[16];
    public ulong Flags { get; set; } = 2;

    public MachineState Copy() => new() { General = [.. General], Flags = Flags };
}

/// <summary>A processor that is not ours: Debian's libunicorn2 (the Unicorn engine, unicorn-engine.org). Memory that is not mapped faults.</summary>
public sealed class Emulator : IDisposable
{
    private const int X86 = 4, Mode64 = 8;
    private const int FlagsNumber = 25, ThreadPointerNumber = 250;

    /// <summary>enum uc_x86_reg of unicorn/x86.h, version 2.0.</summary>
    private static readonly int[] RegisterNumbers = [35, 38, 40, 37, 44, 36, 43, 39, 106, 107, 108, 109, 110, 111, 112, 113];

    private const int InstructionHook = 2, SystemCallInstruction = 699;

    private readonly nint engine;
    private readonly SystemCallHook hook;

    public Emulator()
    {
        Check(uc_open(X86, Mode64, out engine));
        // Kept, so that it is not collected while the engine calls it.
        hook = (_, _) => OnSystemCall?.Invoke(this);
        Check(uc_hook_add(engine, out _, InstructionHook, hook, 0, 1, 0, SystemCallInstruction));
    }

    private delegate void SystemCallHook(nint engine, nint data);

    /// <summary>What a system call does; without it, it does nothing.</summary>
    public Action<Emulator>? OnSystemCall { get; set; }

    /// <summary>A general register by its number, while the machine runs.</summary>
    public ulong General(int register)
    {
        Check(uc_reg_read(engine, RegisterNumbers[register], out var value));
        return value;
    }

    public void SetGeneral(int register, ulong value) => Check(uc_reg_write(engine, RegisterNumbers[register], value));

    /// <summary>Null where it is not mapped.</summary>
    public byte[]? TryRead(ulong address, int length)
    {
        var bytes = new byte[length];
        return uc_mem_read(engine, address, bytes, (nuint)length) == 0 ? bytes : null;
    }

    [Flags]
    public enum Access : uint
    {
        Read = 1,
        Write = 2,
        Execute = 4,
    }

    /// <summary>Address and length are multiples of 4,096.</summary>
    public void Map(ulong address, ulong length, Access access) => Check(uc_mem_map(engine, address, (nuint)length, (uint)access));

    public void SetThreadPointer(ulong address) => Check(uc_reg_write(engine, ThreadPointerNumber, address));

    public void Write(ulong address, byte[] bytes) => Check(uc_mem_write(engine, address, bytes, (nuint)bytes.Length));

    public byte[] Read(ulong address, int length)
    {
        var bytes = new byte[length];
        Check(uc_mem_read(engine, address, bytes, (nuint)length));
        return bytes;
    }

    /// <summary>Runs until the address, at most so many instructions; answers the state then, or the fault.</summary>
    public (MachineState State, string? Fault) Run(ulong from, ulong until, MachineState state, int most = 10_000)
    {
        for (var i = 0; i < RegisterNumbers.Length; i++) Check(uc_reg_write(engine, RegisterNumbers[i], state.General[i]));
        Check(uc_reg_write(engine, FlagsNumber, state.Flags));
        var error = uc_emu_start(engine, from, until, 0, (nuint)most);
        var after = new MachineState();
        for (var i = 0; i < RegisterNumbers.Length; i++) Check(uc_reg_read(engine, RegisterNumbers[i], out after.General[i]));
        Check(uc_reg_read(engine, FlagsNumber, out var flags));
        after.Flags = flags;
        return (after, error == 0 ? null : Marshal.PtrToStringAnsi(uc_strerror(error)));
    }

    public void Dispose() => Check(uc_close(engine));

    private static void Check(int error)
    {
        if (error != 0) throw new InvalidOperationException($"unicorn: {Marshal.PtrToStringAnsi(uc_strerror(error))}");
    }

    private const string Library = "libunicorn.so.2";

    [DllImport(Library)] private static extern int uc_open(int arch, int mode, out nint engine);
    [DllImport(Library)] private static extern int uc_close(nint engine);
    [DllImport(Library)] private static extern int uc_mem_map(nint engine, ulong address, nuint size, uint access);
    [DllImport(Library)] private static extern int uc_mem_write(nint engine, ulong address, byte[] bytes, nuint size);
    [DllImport(Library)] private static extern int uc_mem_read(nint engine, ulong address, [Out] byte[] bytes, nuint size);
    [DllImport(Library)] private static extern int uc_reg_write(nint engine, int register, in ulong value);
    [DllImport(Library)] private static extern int uc_reg_read(nint engine, int register, out ulong value);
    [DllImport(Library)] private static extern int uc_emu_start(nint engine, ulong begin, ulong until, ulong timeout, nuint count);
    [DllImport(Library)] private static extern int uc_hook_add(nint engine, out nint hook, int type, SystemCallHook call, nint data, ulong begin, ulong end, int instruction);
    [DllImport(Library)] private static extern nint uc_strerror(int error);
}

using System.Buffers.Binary;
using Iced.Intel;
using KernOpt.Code.Images;
using KernOpt.Engine.Sessions;
using KernOpt.Target;

namespace KernOpt.Engine.Blaming;

/// <summary>Tells what is called at an address: through the linker's stubs and the words that they jump through, as these are now.</summary>
internal sealed class CalleeNames(Session session)
{
    private const int LongestStub = 16, MostStubs = 4;

    public static Callee SystemCall(int? number) => new(CalleeKind.SystemCall, (ulong)(number ?? -1), SystemCallNames.Of(number), "kernel");

    public Callee At(Address target)
    {
        var at = target;
        for (var hop = 0; hop < MostStubs; hop++)
        {
            if (session.Program.FunctionAt(at) is { } function && function.Start == at) return Of(function);
            if (Behind(at) is not { } next) break;
            at = next;
        }
        return new Callee(CalleeKind.Unknown, target.Value, NameOf(target), session.Program.ModuleAt(target)?.Name ?? "");
    }

    public static Callee Of(Function function) => new(CalleeKind.Function, function.Start.Value, function.DisplayName, function.Module.Name);

    public static Callee Pointer(string function, Address site) => new(CalleeKind.Unknown, site.Value, $"through a pointer at {function}", "");

    /// <summary>[endbr64] [bnd] jmp [rip+x], or jmp: where it goes.</summary>
    private Address? Behind(Address stub)
    {
        var bytes = new byte[LongestStub];
        var decoder = Decoder.Create(64, new ByteArrayCodeReader(bytes, 0, session.Live.Source.Read(stub, bytes)), stub.Value);
        var instruction = decoder.Decode();
        if (instruction.Mnemonic == Mnemonic.Endbr64) instruction = decoder.Decode();
        if (instruction.Mnemonic != Mnemonic.Jmp) return null;
        if (instruction.Op0Kind == OpKind.NearBranch64) return new Address(instruction.NearBranchTarget);
        if (!instruction.IsIPRelativeMemoryOperand) return null;
        Span<byte> word = stackalloc byte[8];
        return session.Target.Read(new Address(instruction.IPRelativeMemoryAddress), word) == 8 ? new Address(BinaryPrimitives.ReadUInt64LittleEndian(word)) : null;
    }

    private string NameOf(Address target)
    {
        if (session.Program.TryGetImport(target, out var import)) return $"{import} (not bound yet)";
        if (session.Program.FunctionAt(target) is { } inside) return inside.NameOf(target);
        return session.Program.ModuleAt(target) is { } module ? $"{module.Name}+0x{target - module.LoadBias:x}" : $"{target}";
    }
}

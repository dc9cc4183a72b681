using Iced.Intel;
using KernOpt.Code.Images;
using KernOpt.Target;

namespace KernOpt.Code.Graphs;

/// <summary>What a call leads to, as far as that is known: an imported function by its name, or an address; neither for a call through a register or an unknown word.</summary>
internal readonly record struct CalledPlace(string? Import, Address? Target)
{
    public static CalledPlace Of(CallSite call, in Instruction instruction, ICodeSource source)
    {
        if (call.Target is { } target) return source.TryGetImport(target, out var import) ? new(import, null) : new(null, target);
        if (!instruction.IsIPRelativeMemoryOperand) return default;
        var slot = new Address(instruction.IPRelativeMemoryAddress);
        if (source.TryGetImportSlot(slot, out var name)) return new(name, null);
        Span<byte> word = stackalloc byte[8];
        return source.Read(slot, word) == word.Length && new Address(BitConverter.ToUInt64(word)) is var pointed && source.IsExecutable(pointed) ? new(null, pointed) : default;
    }

    /// <summary>Whether the import, or the function that begins at the address, has one of these names, versions aside.</summary>
    public bool IsNamed(IReadOnlySet<string> names, ICodeSource source)
    {
        if (Import is { } import) return IsIn(import);
        return Target is { } target && source.FunctionAt(target) is { Names.IsDefaultOrEmpty: false } callee && callee.Start == target && callee.Names.Any(IsIn);

        bool IsIn(string name) => names.Contains(name.Split('@')[0]);
    }
}

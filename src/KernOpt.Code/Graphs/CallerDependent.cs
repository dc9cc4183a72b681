using System.Collections.Frozen;
using Iced.Intel;
using KernOpt.Code.Images;
using KernOpt.Target;

namespace KernOpt.Code.Graphs;

/// <summary>
/// Functions that decide by the return address which module calls them: dlsym(RTLD_NEXT, …) looks behind that one, dlopen takes its search path and its name space (dlsym(3), dlopen(3)). To them a call
/// from a region comes from no module.
/// </summary>
internal sealed class CallerDependent(ICodeSource source)
{
    private static readonly FrozenSet<string> Names = FrozenSet.ToFrozenSet(["dlsym", "dlvsym", "dlopen", "dlmopen", "__libc_dlsym", "__libc_dlopen_mode"]);

    public bool IsCalledAt(CallSite call, in Instruction instruction)
    {
        if (call.Target is { } target) return source.TryGetImport(target, out var import) ? IsName(import) : Is(target);
        if (!instruction.IsIPRelativeMemoryOperand) return false;
        var slot = new Address(instruction.IPRelativeMemoryAddress);
        if (source.TryGetImportSlot(slot, out var name)) return IsName(name);
        Span<byte> word = stackalloc byte[8];
        return source.Read(slot, word) == word.Length && Is(new Address(BitConverter.ToUInt64(word)));
    }

    private bool Is(Address target) => source.FunctionAt(target) is { Names.IsDefaultOrEmpty: false } callee && callee.Start == target && callee.Names.Any(IsName);

    private static bool IsName(string name) => Names.Contains(name.Split('@')[0]);
}

using System.Collections.Concurrent;
using Iced.Intel;
using KernOpt.Code.Bodies;
using KernOpt.Code.Images;
using KernOpt.Target;

namespace KernOpt.Code.Calls;

/// <summary>
/// The linker's stubs, through which one module calls another, and chosen implementations (memcpy) are called in their own: code that belongs to no function, and is
/// <code>
///     [endbr64] [bnd] jmp [rip+slot]
/// </code>
/// Whoever calls one cannot know whether the loader binds it only then: it may overwrite r11 and the status flags on the way, and does where binding is lazy. So the callee does not look at
/// these, and the caller does not count on finding them. Of everything else nothing is known.
/// </summary>
internal sealed class LinkerStubs(ICodeSource source)
{
    /// <summary>endbr64, bnd, and six bytes.</summary>
    private const int LongestStub = 11;

    private static readonly LiveSet Overwritten = LiveSet.Of(Register.R11) | RegisterEffects.VolatileFlags;

    private readonly ConcurrentDictionary<Address, bool> known = new();

    public static CalleeUse Use { get; } = new(LiveSet.All - Overwritten, LiveSet.All - Overwritten);

    public bool IsStub(Address target) => known.GetOrAdd(target, Look);

    private bool Look(Address target)
    {
        if (source.FunctionAt(target) is not null || !source.IsExecutable(target)) return false;
        var bytes = new byte[LongestStub];
        var decoder = Decoder.Create(64, new ByteArrayCodeReader(bytes, 0, source.Read(target, bytes)), target.Value);
        var instruction = decoder.Decode();
        if (instruction.Mnemonic == Mnemonic.Endbr64) instruction = decoder.Decode();
        return instruction.IsJmpNearIndirect && instruction.IsIPRelativeMemoryOperand && instruction.MemorySegment == Register.DS;
    }
}

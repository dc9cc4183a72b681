using System.Collections.Immutable;
using Iced.Intel;
using KernOpt.Code.Graphs;
using KernOpt.Live.Points;
using static Iced.Intel.AssemblerRegisters;

namespace KernOpt.Probes.Compile;

/// <summary>
/// Writes the code of one passage. While the frame is open its scratch registers may be used:
/// <code>
///     lea rsp, [rsp-128] ; pushfq       ; where a flag is live: below the red zone (x86-64 psABI, 3.2.2)
///     (conditions that need no register; else to "unchanged")
///     push …                            ; Scratch.Saved: the frame opens
///     (the rest)
///     pop …                             ; it closes
/// unchanged:
///     popfq ; lea rsp, [rsp+128]
/// </code>
/// </summary>
internal sealed partial class PassageCode(Assembler code, PointContext context, Scratch scratch)
{
    private const int RedZone = 128;
    private const int WordBytes = 8;

    private bool isOpen;
    private bool hasFlags;

    /// <summary>How far below the point's own the stack pointer is, in bytes.</summary>
    private int below = context.Pushed;

    public Assembler Code => code;
    public PointContext Context => context;

    public AssemblerRegister64 Free(int index) => new(scratch.Registers[index]);

    public void SaveFlags()
    {
        if (context.FlagsDead) return;
        hasFlags = true;
        code.lea(rsp, __[rsp - RedZone]);
        code.pushfq();
        below += RedZone + WordBytes;
    }

    public void Open()
    {
        isOpen = true;
        if (scratch.Saved.IsEmpty) return;
        if (!hasFlags) Move(-RedZone);
        foreach (var register in scratch.Saved) code.push(new AssemblerRegister64(register));
        below += WordBytes * scratch.Saved.Length;
    }

    public void Close()
    {
        if (!isOpen) return;
        isOpen = false;
        if (scratch.Saved.IsEmpty) return;
        foreach (var register in scratch.Saved.Reverse()) code.pop(new AssemblerRegister64(register));
        below -= WordBytes * scratch.Saved.Length;
        if (!hasFlags) Move(RedZone);
    }

    public void RestoreFlags()
    {
        if (!hasFlags) return;
        code.popfq();
        code.lea(rsp, __[rsp + RedZone]);
        below -= RedZone + WordBytes;
        hasFlags = false;
    }

    private int ReturnAddressAbove => ReturnAddressPlace.Above(context.Graph, context.Point.Block.Index, context.Point.Index) ?? throw new InvalidOperationException($"no return address at {context.Point}");

    /// <summary>Leaves the flags alone, unlike sub and add.</summary>
    private void Move(int bytes)
    {
        code.lea(rsp, __[rsp + bytes]);
        below -= bytes;
    }

    /// <summary>Where the point's own value of a register was saved, from the stack pointer; null where the register still holds it.</summary>
    private int? SavedAt(Register full)
    {
        if (!isOpen) return null;
        var index = scratch.Saved.IndexOf(full);
        return index < 0 ? null : WordBytes * (scratch.Saved.Length - 1 - index);
    }
}

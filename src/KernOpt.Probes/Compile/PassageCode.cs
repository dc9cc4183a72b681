using System.Collections.Immutable;
using Iced.Intel;
using KernOpt.Code.Graphs;
using KernOpt.Live.Points;
using KernOpt.Live.Stubs;
using static Iced.Intel.AssemblerRegisters;

namespace KernOpt.Probes.Compile;

/// <summary>
/// Writes the code of one passage. While the frame is open its scratch registers may be used:
/// <code>
///     (flags to a register)             ; where one is live: FlagsInRegister, or pushfq below the red zone (x86-64 psABI, 3.2.2)
///     (conditions that need no register; else to "unchanged")
///     push …                            ; Scratch.Saved: the frame opens
///     (the rest)
///     pop …                             ; it closes
/// unchanged:
///     (flags back)
/// </code>
/// </summary>
internal sealed partial class PassageCode(Assembler code, PointContext context, Scratch scratch)
{
    private const int WordBytes = 8;

    private bool isOpen;

    /// <summary>The stack pointer has been moved over what belongs to the function below it.</summary>
    private bool isBelowRedZone;
    private bool wasBelowRedZone;

    /// <summary>How far below the point's own the stack pointer is, in bytes.</summary>
    private int below = context.Pushed;

    public Assembler Code => code;
    public PointContext Context => context;

    public AssemblerRegister64 Free(int index) => new(scratch.Registers[index]);

    public void SaveFlags()
    {
        if (context.FlagsDead) return;
        if (scratch.Flags == Register.None)
        {
            StepOverRedZone();
            code.pushfq();
            below += WordBytes;
            return;
        }
        if (scratch.IsFlagsRegisterLive)
        {
            StepOverRedZone();
            code.push(new AssemblerRegister64(scratch.Flags));
            below += WordBytes;
        }
        FlagsInRegister.Save(code, new AssemblerRegister64(scratch.Flags));
    }

    public void Open()
    {
        isOpen = true;
        if (scratch.Saved.IsEmpty && !MakesSystemCalls) return;
        wasBelowRedZone = isBelowRedZone;
        StepOverRedZone();
        foreach (var register in scratch.Saved) code.push(new AssemblerRegister64(register));
        below += WordBytes * scratch.Saved.Length;
    }

    public void Close()
    {
        if (!isOpen) return;
        isOpen = false;
        if (scratch.Saved.IsEmpty && !MakesSystemCalls) return;
        foreach (var register in scratch.Saved.Reverse()) code.pop(new AssemblerRegister64(register));
        below -= WordBytes * scratch.Saved.Length;
        if (!wasBelowRedZone) StepBack();
    }

    public void RestoreFlags()
    {
        if (context.FlagsDead) return;
        if (scratch.Flags == Register.None)
        {
            code.popfq();
            below -= WordBytes;
        }
        else
        {
            FlagsInRegister.Restore(code, new AssemblerRegister64(scratch.Flags));
            if (!scratch.IsFlagsRegisterLive) return;
            code.pop(new AssemblerRegister64(scratch.Flags));
            below -= WordBytes;
        }
        StepBack();
    }

    /// <summary>An instruction of its own, since the next one may be another label's.</summary>
    public void Land(ref Label label)
    {
        code.Label(ref label);
        code.nop();
    }

    /// <summary>
    /// A piece of code that few passages come to, by a jump to its label from here; it ends by a jump to what is in line, with the stack as it is here.
    /// </summary>
    public void OutOfLine(Label label, Action piece)
    {
        var (open, step, wasStep, depth) = (isOpen, isBelowRedZone, wasBelowRedZone, below);
        context.OutOfLine.Add(() =>
        {
            (isOpen, isBelowRedZone, wasBelowRedZone, below) = (open, step, wasStep, depth);
            code.Label(ref label);
            piece();
        });
    }

    private int ReturnAddressAbove => ReturnAddressPlace.Above(context.Graph, context.Point.Block.Index, context.Point.Index) ?? throw new InvalidOperationException($"no return address at {context.Point}");

    /// <summary>By lea, which leaves the flags alone, unlike sub and add.</summary>
    private void StepOverRedZone()
    {
        if (isBelowRedZone) return;
        isBelowRedZone = true;
        code.lea(rsp, __[rsp - StubAssembler.RedZone]);
        below += StubAssembler.RedZone;
    }

    private void StepBack()
    {
        isBelowRedZone = false;
        code.lea(rsp, __[rsp + StubAssembler.RedZone]);
        below -= StubAssembler.RedZone;
    }

    /// <summary>Where the point's own value of a register was saved, from the stack pointer; null where the register still holds it.</summary>
    private int? SavedAt(Register full)
    {
        if (!isOpen) return null;
        // Pushed before all others; where it is not live, nobody asks.
        if (full == scratch.Flags && scratch.IsFlagsRegisterLive) return WordBytes * scratch.Saved.Length;
        var index = scratch.Saved.IndexOf(full);
        return index < 0 ? null : WordBytes * (scratch.Saved.Length - 1 - index);
    }
}
